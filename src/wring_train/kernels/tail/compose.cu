#include "wring_train/kernels/cuda_check.h"
#include "wring_train/kernels/low_precision.cuh"
#include "wring_train/kernels/tail/compose.h"
#include "wring_train/kernels/tail/ring.h"

namespace wring::kernels {
namespace {

constexpr int kThreads = 128;

struct Term {
  int state, group;
};
__device__ Term unpack(std::int32_t term) {
  return {term / 64, term % 64};
}

// Columns of a product. Stage 1 has the sub-rows in its columns, later stages have summed over them.
struct Columns {
  int channels, row, factor;
  bool first;

  __device__ Columns(const ComposeShape& shape, const ComposeStage& stage)
      : channels(shape.channels), row(shape.weight_row()), factor(shape.factor), first(stage.first) {}
  __device__ int count() const { return first ? factor * factor * row : row; }
  __device__ int tap(int row_group, int column_group) const {
    const int taps = (row_group % 3 * 3 + column_group % 3) * channels;
    return first ? (row_group / 3 * factor + column_group / 3) * row + taps : taps;
  }
  __device__ int bias(int row_sub, int column_sub) const {
    return (first ? (row_sub * factor + column_sub) * row : 0) + 9 * channels;
  }
};

__device__ std::int64_t product_row(int colour, int row_state, int column_state, int inputs) {
  return (static_cast<std::int64_t>(colour) * inputs + row_state) * inputs + column_state;
}

// The sum over the products of a row term and a column term, for channel x.
__device__ float gather(const Columns& columns, const ComposeStage& stage, const float* product, int colour,
                        int row_output, int column_output, int x) {
  float sum = 0;
  for (int i = stage.terms.begin[row_output]; i < stage.terms.begin[row_output + 1]; ++i) {
    const Term row = unpack(stage.terms.terms[i]);
#pragma unroll 4
    for (int j = stage.terms.begin[column_output]; j < stage.terms.begin[column_output + 1]; ++j) {
      const Term column = unpack(stage.terms.terms[j]);
      sum += product[product_row(colour, row.state, column.state, stage.inputs) * columns.count() +
                     columns.tap(row.group, column.group) + x];
    }
  }
  return sum;
}

// Where output (row, column) of a stage goes in the next stage's matrix, for channel x.
__device__ std::int64_t next_index(const ComposeShape& shape, const ComposeStage& stage, int colour, int row,
                                   int column, int x) {
  const int area = shape.factor * shape.factor;
  return product_row(colour, stage.next[row], stage.next[column], stage.next_inputs) * shape.channels * area +
         x * area + stage.sub_row[row] * shape.factor + stage.sub_row[column];
}

__global__ void __launch_bounds__(kThreads)
    stage_forward(ComposeShape shape, ComposeStage stage, const float* product, float* next) {
  const int column = static_cast<int>(blockIdx.x) % stage.outputs;
  const int row = static_cast<int>(blockIdx.x) / stage.outputs;
  const int colour = static_cast<int>(blockIdx.y);
  const Columns columns(shape, stage);
  for (int x = static_cast<int>(threadIdx.x); x < shape.channels; x += kThreads) {
    next[next_index(shape, stage, colour, row, column, x)] = gather(columns, stage, product, colour, row, column, x);
  }
}

// The gradient of a bias column: over the (set, R) that use it in rows, and in columns.
__device__ float gather_bias_users(const ComposeShape& shape, const Lists& users, const float* set_bias, int colour,
                                   int row_user, int column_user) {
  float sum = 0;
  for (int i = users.begin[row_user]; i < users.begin[row_user + 1]; ++i) {
    const int row = users.terms[i];
    for (int j = users.begin[column_user]; j < users.begin[column_user + 1]; ++j) {
      const int column = users.terms[j];
      const int set = row / shape.scale * 3 + column / shape.scale;
      sum += set_bias[set * shape.outputs() + (colour * shape.scale + row % shape.scale) * shape.scale +
                      column % shape.scale];
    }
  }
  return sum;
}

// One block for each row of the product; calls tap(row user list, column user list, channel) for its elements.
template <typename Tap>
__device__ void product_gradient_row(const ComposeShape& shape, const ComposeStage& stage, const float* set_bias,
                                     float* product_gradient, const Tap& tap) {
  const int column_state = static_cast<int>(blockIdx.x) % stage.inputs;
  const int row_state = static_cast<int>(blockIdx.x) / stage.inputs;
  const int colour = static_cast<int>(blockIdx.y);
  const Columns columns(shape, stage);
  float* out = product_gradient + product_row(colour, row_state, column_state, stage.inputs) * columns.count();
  const int subs = stage.first ? shape.factor : 1;
  const int groups = stage.groups;
  const int taps = groups * groups;
  for (int i = static_cast<int>(threadIdx.x + blockIdx.z * kThreads); i < taps * shape.channels;
       i += static_cast<int>(kThreads * gridDim.z)) {
    const int x = i % shape.channels;
    const int row_group = i / shape.channels / groups;
    const int column_group = i / shape.channels % groups;
    out[columns.tap(row_group, column_group) + x] =
        tap(colour, row_state * groups + row_group, column_state * groups + column_group, x);
  }
  if (blockIdx.z != 0) return;
  for (int i = static_cast<int>(threadIdx.x); i < subs * subs; i += kThreads) {
    const int row_sub = i / subs;
    const int column_sub = i % subs;
    float* bias = out + columns.bias(row_sub, column_sub);
    bias[0] = gather_bias_users(shape, stage.bias_users, set_bias, colour, row_state * subs + row_sub,
                                column_state * subs + column_sub);
    bias[1] = bias[2] = bias[3] = 0;
  }
}

__global__ void __launch_bounds__(kThreads)
    stage_backward(ComposeShape shape, ComposeStage stage, const float* next_gradient, const float* set_bias,
                   float* product_gradient) {
  product_gradient_row(shape, stage, set_bias, product_gradient, [&](int colour, int row_user, int column_user, int x) {
    const Lists& users = stage.users;
    float sum = 0;
    for (int i = users.begin[row_user]; i < users.begin[row_user + 1]; ++i) {
#pragma unroll 4
      for (int j = users.begin[column_user]; j < users.begin[column_user + 1]; ++j) {
        sum += next_gradient[next_index(shape, stage, colour, users.terms[i], users.terms[j], x)];
      }
    }
    return sum;
  });
}

// A state of the last stage's output: (set, R, P), P counted from the set's first row.
struct FinalState {
  int set, r, p;
};
__device__ FinalState final_state(int index, int scale) {
  if (index < 5 * scale) return {0, index / 5, index % 5};
  index -= 5 * scale;
  if (index < 2 * scale) return {1, index / 2, index % 2};
  index -= 2 * scale;
  return {2, index / 2, index % 2};
}

// Where a pair of final states lies in the folded kernels. Paths that leave the image are taken off the centre's, and
// those that leave it in both directions were taken off twice.
struct Place {
  int part;  // 0: centre, 1: edges, 2: corners
  std::int64_t index;
  float sign;
};
__device__ Place place_of_final(const ComposeShape& shape, const FinalState& row, const FinalState& column,
                                int colour) {
  const int o = (colour * shape.scale + row.r) * shape.scale + column.r;
  const int c = shape.channels;
  if (row.set == 0 && column.set == 0) {
    return {0, (static_cast<std::int64_t>(o) * 25 + row.p * 5 + column.p) * c, 1.0F};
  }
  if (row.set == 0 || column.set == 0) {
    const int edge = column.set == 0 ? row.set - 1 : 1 + column.set;
    const int width = column.set == 0 ? 5 : 2;
    return {1, static_cast<std::int64_t>(edge * shape.outputs() + o) * edge_row(c) + (row.p * width + column.p) * c,
            -1.0F};
  }
  const int corner = (row.set - 1) * 2 + column.set - 1;
  return {2, static_cast<std::int64_t>(corner * shape.outputs() + o) * corner_row(c) + (row.p * 2 + column.p) * c,
          1.0F};
}

// The bias of set pair `set` (row set · 3 + column set) of output o.
struct BiasPlace {
  int part;
  std::int64_t index;
  float sign;
};
__device__ BiasPlace bias_place(const ComposeShape& shape, int set, int o) {
  const int row_set = set / 3;
  const int column_set = set % 3;
  const int c = shape.channels;
  if (set == 0) return {0, o, 1.0F};
  if (row_set == 0 || column_set == 0) {
    const int edge = column_set == 0 ? row_set - 1 : 1 + column_set;
    return {1, static_cast<std::int64_t>(edge * shape.outputs() + o) * edge_row(c) + 10 * c, -1.0F};
  }
  const int corner = (row_set - 1) * 2 + column_set - 1;
  return {2, static_cast<std::int64_t>(corner * shape.outputs() + o) * corner_row(c) + 4 * c, 1.0F};
}

__device__ float composed_bias(const ComposeShape& shape, const ComposeProducts& products, int set, int o) {
  const int scale = shape.scale;
  const int colour = o / scale / scale;
  const int row_list = set / 3 * scale + o / scale % scale;
  const int column_list = set % 3 * scale + o % scale;
  float sum = 0;
  for (int s = 0; s < products.count; ++s) {
    const ComposeStage& stage = products.stages[s];
    const Columns columns(shape, stage);
    const Lists& lists = stage.bias_terms;
    for (int i = lists.begin[row_list]; i < lists.begin[row_list + 1]; ++i) {
      const Term row = unpack(lists.terms[i]);
      for (int j = lists.begin[column_list]; j < lists.begin[column_list + 1]; ++j) {
        const Term column = unpack(lists.terms[j]);
        sum += products.products[s][product_row(colour, row.state, column.state, stage.inputs) * columns.count() +
                                    columns.bias(row.group, column.group)];
      }
    }
  }
  return sum;
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    final_forward(ComposeShape shape, ComposeProducts products, const float* last_bias, FoldedKernels folded) {
  const ComposeStage& stage = products.stages[products.count - 1];
  T* const parts[3] = {static_cast<T*>(folded.centre), static_cast<T*>(folded.edges), static_cast<T*>(folded.corners)};
  const int pairs = stage.outputs * stage.outputs;
  if (static_cast<int>(blockIdx.x) < pairs) {
    const int row = static_cast<int>(blockIdx.x) / stage.outputs;
    const int column = static_cast<int>(blockIdx.x) % stage.outputs;
    const int colour = static_cast<int>(blockIdx.y);
    const Columns columns(shape, stage);
    const Place place = place_of_final(shape, final_state(row, shape.scale), final_state(column, shape.scale), colour);
    for (int x = static_cast<int>(threadIdx.x); x < shape.channels; x += kThreads) {
      parts[place.part][place.index + x] =
          narrow<T>(place.sign * gather(columns, stage, products.products[products.count - 1], colour, row, column, x));
    }
    return;
  }
  // The last blocks: a thread for each bias.
  const int i = (static_cast<int>(blockIdx.x) - pairs) * kThreads + static_cast<int>(threadIdx.x);
  if (i >= 9 * shape.outputs() || blockIdx.y != 0) return;
  const int set = i / shape.outputs();
  const int o = i % shape.outputs();
  const float bias = composed_bias(shape, products, set, o);
  const BiasPlace place = bias_place(shape, set, o);
  if (place.part == 0) {
    folded.bias[o] = bias + last_bias[o / shape.scale / shape.scale];
  } else {
    parts[place.part][place.index] = narrow<T>(place.sign * bias);
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads) collect_bias(ComposeShape shape, FoldedKernels gradients,
                                                         const float* bias_partials, int bias_blocks, float* set_bias) {
  // A warp for each bias.
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int i = static_cast<int>(blockIdx.x * (kThreads / kWarp) + threadIdx.x / kWarp);
  if (i >= 9 * shape.outputs()) return;
  const int set = i / shape.outputs();
  const int o = i % shape.outputs();
  const BiasPlace place = bias_place(shape, set, o);
  if (place.part == 0) {
    float sum = 0;
    for (int block = lane; block < bias_blocks; block += kWarp) sum += bias_partials[block * shape.outputs() + o];
    sum = warp_sum(sum);
    if (lane == 0) set_bias[i] = sum;
  } else if (lane == 0) {
    const T* part = static_cast<const T*>(place.part == 1 ? gradients.edges : gradients.corners);
    set_bias[i] = place.sign * widen(part[place.index]);
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    final_backward(ComposeShape shape, ComposeStage stage, FoldedKernels gradients, const float* set_bias,
                   float* last_bias_gradient, float* product_gradient) {
  const T* const parts[3] = {static_cast<const T*>(gradients.centre), static_cast<const T*>(gradients.edges),
                             static_cast<const T*>(gradients.corners)};
  product_gradient_row(shape, stage, set_bias, product_gradient, [&](int colour, int row_user, int column_user, int x) {
    const Lists& users = stage.users;
    float sum = 0;
    for (int i = users.begin[row_user]; i < users.begin[row_user + 1]; ++i) {
      const FinalState row = final_state(users.terms[i], shape.scale);
#pragma unroll 4
      for (int j = users.begin[column_user]; j < users.begin[column_user + 1]; ++j) {
        const Place place = place_of_final(shape, row, final_state(users.terms[j], shape.scale), colour);
        sum += place.sign * widen(parts[place.part][place.index + x]);
      }
    }
    return sum;
  });
  if (blockIdx.x == 0 && blockIdx.y == 0 && blockIdx.z == 0 && threadIdx.x < 3) {
    const int area = shape.scale * shape.scale;
    float sum = 0;
    for (int i = 0; i < area; ++i) sum += set_bias[static_cast<int>(threadIdx.x) * area + i];
    last_bias_gradient[threadIdx.x] = sum;
  }
}

// Blocks along a product's row, so that a small composition still spreads over the device.
unsigned row_shares(const ComposeShape& shape, const ComposeStage& stage) {
  const int elements = stage.groups * stage.groups * shape.channels;
  return static_cast<unsigned>((elements + kThreads - 1) / kThreads);
}

}  // namespace

void compose_stage(const ComposeShape& shape, const ComposeStage& stage, const float* product, float* next,
                   void* stream) {
  const dim3 blocks(static_cast<unsigned>(stage.outputs * stage.outputs), 3);
  stage_forward<<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(shape, stage, product, next);
  check(cudaGetLastError(), "Composing the tail");
}

void decompose_stage(const ComposeShape& shape, const ComposeStage& stage, const float* next_gradient,
                     const float* set_bias, float* product_gradient, void* stream) {
  const dim3 blocks(static_cast<unsigned>(stage.inputs * stage.inputs), 3, row_shares(shape, stage));
  stage_backward<<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(shape, stage, next_gradient, set_bias,
                                                                             product_gradient);
  check(cudaGetLastError(), "Taking the tail's gradient apart");
}

void compose_final(const ComposeShape& shape, const ComposeProducts& products, const float* last_bias, LowType type,
                   const FoldedKernels& folded, void* stream) {
  const int outputs = products.stages[products.count - 1].outputs;
  const int bias_blocks = (9 * shape.outputs() + kThreads - 1) / kThreads;
  const dim3 blocks(static_cast<unsigned>(outputs * outputs + bias_blocks), 3);
  with_low_type(type, [&](auto low) {
    final_forward<decltype(low)>
        <<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(shape, products, last_bias, folded);
  });
  check(cudaGetLastError(), "Composing the tail");
}

void decompose_final(const ComposeShape& shape, const ComposeStage& stage, const FoldedKernels& gradients, LowType type,
                     const float* bias_partials, int bias_blocks, float* set_bias, float* last_bias_gradient,
                     float* product_gradient, void* stream) {
  const dim3 blocks(static_cast<unsigned>(stage.inputs * stage.inputs), 3, row_shares(shape, stage));
  const auto biases = static_cast<unsigned>((9 * shape.outputs() + kThreads / kWarp - 1) / (kThreads / kWarp));
  with_low_type(type, [&](auto low) {
    using T = decltype(low);
    collect_bias<T><<<biases, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(shape, gradients, bias_partials,
                                                                                bias_blocks, set_bias);
    final_backward<T><<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(shape, stage, gradients, set_bias,
                                                                                  last_bias_gradient, product_gradient);
  });
  check(cudaGetLastError(), "Taking the tail's gradient apart");
}

}  // namespace wring::kernels
