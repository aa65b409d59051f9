#pragma once
#include <cstdint>

#include "wring_train/kernels/low_type.h"

namespace wring::kernels {

// Composes the folded tail's kernels from products of the tail's weights, and takes their gradient apart again: the
// sparse sums between the matrix products. All index lists (nn/tail_paths.h) lie in device memory.

// A list of lists: list i is terms[begin[i]] … terms[begin[i + 1] − 1].
struct Lists {
  const std::int32_t* begin = nullptr;
  const std::int32_t* terms = nullptr;
};

// One stage in one dimension. The stage's product is a matrix with rows (colour, row state, column state) and columns
// of a row term plus a column term; a term packs state · 64 + column group.
struct ComposeStage {
  std::int32_t inputs = 0;
  std::int32_t outputs = 0;
  std::int32_t groups = 0;  // column groups in one dimension: 3 · factor in stage 1, else 3
  Lists terms;              // of each output state
  Lists users;              // of each (input state, column group), at state · groups + group: output states
  Lists bias_terms;         // of each (set, R)
  Lists bias_users;  // of each (input state, sub-row), at state · factor + sub-row (later stages: state): (set, R)
  const std::int32_t* next = nullptr;     // of each output state: the next stage's input state
  const std::int32_t* sub_row = nullptr;  // and its sub-row there
  std::int32_t next_inputs = 0;
  bool first = false;
};

struct ComposeShape {
  std::int32_t channels = 0;
  std::int32_t scale = 4;
  std::int32_t factor = 2;
  // An upsampling convolution's row of weights: 9 · channels, its bias, zeros.
  constexpr std::int32_t weight_row() const { return 9 * channels + 4; }
  constexpr std::int32_t outputs() const { return 3 * scale * scale; }
};

// product (3 · inputs², columns) → the next stage's matrix (3 · next_inputs², channels · factor²), fp32.
void compose_stage(const ComposeShape& shape, const ComposeStage& stage, const float* product, float* next,
                   void* stream);
// The transpose: the gradient of the next stage's matrix and of the biases → the gradient of this stage's product.
// `set_bias` (9, outputs): the gradient of each set's bias, as compose_final's order of sets.
void decompose_stage(const ComposeShape& shape, const ComposeStage& stage, const float* next_gradient,
                     const float* set_bias, float* product_gradient, void* stream);

// The folded tail: centre (outputs, 5, 5, channels), edges (4, outputs, edge_row), corners (4, outputs, corner_row)
// (kernels/tail/ring.h), of `type`; bias (outputs), fp32. Their gradients have the same layout and type.
struct FoldedKernels {
  void* centre = nullptr;
  void* edges = nullptr;
  void* corners = nullptr;
  float* bias = nullptr;
};

constexpr int kMostStages = 3;
struct ComposeProducts {
  ComposeStage stages[kMostStages];
  float* products[kMostStages] = {};  // or their gradients
  std::int32_t count = 0;
};

// The last stage's product, and all products' bias columns → the folded kernels.
void compose_final(const ComposeShape& shape, const ComposeProducts& products, const float* last_bias, LowType type,
                   const FoldedKernels& folded, void* stream);
// The transpose. folded.bias is not read: the centre's bias gradient comes as `bias_blocks` partial sums
// (kernels/step/pixel_loss.h). Writes set_bias (9, outputs), the last stage's product gradient and last_bias_gradient
// (3).
void decompose_final(const ComposeShape& shape, const ComposeStage& stage, const FoldedKernels& gradients, LowType type,
                     const float* bias_partials, int bias_blocks, float* set_bias, float* last_bias_gradient,
                     float* product_gradient, void* stream);

}  // namespace wring::kernels
