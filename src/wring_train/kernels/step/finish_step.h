#pragma once
#include <cstdint>

#include "wring_train/kernels/step/step_state.h"

namespace wring::kernels {

enum class ElementType : std::int32_t { fp32, bf16, fp16 };

// Where the gradient of `count` consecutive parameters lies: the sum of `slabs` arrays, `slab_stride` elements apart.
struct GradientSource {
  const void* data = nullptr;
  std::int64_t slab_stride = 0;
  std::int64_t offset = 0;  // of the first parameter in the flat vector
  std::int32_t count = 0;
  std::int32_t slabs = 1;
  ElementType type = ElementType::fp32;
};

// A block's share of a source.
struct GradientChunk {
  std::int32_t source = 0;
  std::int32_t first = 0;
};
// Elements of a chunk: few where many slabs are summed, so that every source spreads over the device.
constexpr int kManySlabs = 64;
constexpr std::int32_t chunk_size(std::int32_t slabs) {
  return slabs >= kManySlabs ? 32 : slabs > 4 ? 256 : 1024;
}

struct GradientSources {
  const GradientSource* sources = nullptr;  // device memory
  const GradientChunk* chunks = nullptr;    // device memory
  std::int32_t chunk_count = 0;
};

// What the last micro-batch's sum decides for the update.
struct FinishSettings {
  double clip = 0;     // largest gradient norm; 0: no clipping
  double beta1 = 0.9;  // of the bias corrections
  double beta2 = 0.999;
  double beta3 = 0;     // Adan's third
  bool scaled = false;  // fp16: the loss scale adapts
};

// gradients[…] = (accumulate ? gradients[…] : 0) + the sources.
void collect_gradients(const GradientSources& sources, float* gradients, bool accumulate, void* stream);

// The same for the last micro-batch, after which it decides what the update does: the norm of all gradients (one fixed
// order of summation, so that runs repeat), clipping, loss scale, bias corrections, and the loss, the sum of
// `loss_partials`. A loss or gradient that is not finite skips the update, as engine/step_guard.h has it.
// `norm_partials`: chunk_count elements. `outputs` is page-locked host memory.
void finish_gradients(const GradientSources& sources, float* gradients, bool accumulate, float* norm_partials,
                      const float* loss_partials, int loss_partial_count, const FinishSettings& settings,
                      StepState* state, StepOutputs* outputs, void* stream);

}  // namespace wring::kernels
