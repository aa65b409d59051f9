#include <cmath>

#include "wring_train/kernels/cuda_check.h"
#include "wring_train/kernels/low_precision.cuh"
#include "wring_train/kernels/step/finish_step.h"

namespace wring::kernels {
namespace {

constexpr int kThreads = 256;
// torch.amp.GradScaler's constants, as engine/loss_scaler.cpp.
constexpr float kGrowth = 2.0F;
constexpr float kBackoff = 0.5F;
constexpr int kGrowthInterval = 2000;

__device__ float element(const GradientSource& source, std::int64_t index) {
  switch (source.type) {
    case ElementType::bf16:
      return widen(static_cast<const __nv_bfloat16*>(source.data)[index]);
    case ElementType::fp16:
      return widen(static_cast<const __half*>(source.data)[index]);
    default:
      return static_cast<const float*>(source.data)[index];
  }
}

// The sum over the block, in a fixed order; valid in thread 0.
template <typename Sum>
__device__ Sum block_sum(Sum value) {
  __shared__ Sum sums[kThreads];
  sums[threadIdx.x] = value;
  __syncthreads();
  for (unsigned half = kThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    __syncthreads();
  }
  const Sum total = sums[0];
  __syncthreads();
  return total;
}

// Adds this block's chunk to the flat gradients; returns this thread's share of the sum of squares, times scale².
__device__ float collect_chunk(const GradientSources& sources, float* gradients, bool accumulate, float scale) {
  const GradientChunk chunk = sources.chunks[blockIdx.x];
  const GradientSource source = sources.sources[chunk.source];
  float* out = gradients + source.offset;
  float squares = 0;
  const auto put = [&](int i, float value) {
    if (accumulate) value += out[i];
    out[i] = value;
    squares += (value * scale) * (value * scale);
  };
  if (source.slabs < kManySlabs) {
    const int end = min(source.count, chunk.first + chunk_size(source.slabs));
    for (int i = chunk.first + static_cast<int>(threadIdx.x); i < end; i += kThreads) {
      float value = element(source, i);
#pragma unroll 8
      for (int slab = 1; slab < source.slabs; ++slab) value += element(source, i + slab * source.slab_stride);
      put(i, value);
    }
    return squares;
  }
  // A warp for each eighth of the slabs, a lane for each element.
  __shared__ float sums[kThreads / kWarp][kWarp];
  const int lane = static_cast<int>(threadIdx.x % kWarp);
  const int group = static_cast<int>(threadIdx.x / kWarp);
  const int i = chunk.first + lane;
  float sum = 0;
  if (i < source.count) {
    for (int slab = group; slab < source.slabs; slab += kThreads / kWarp) {
      sum += element(source, i + slab * source.slab_stride);
    }
  }
  sums[group][lane] = sum;
  __syncthreads();
  if (group == 0 && i < source.count) {
    for (int other = 1; other < kThreads / kWarp; ++other) sum += sums[other][lane];
    put(i, sum);
  }
  return squares;
}

__global__ void collect(GradientSources sources, float* gradients, bool accumulate) {
  collect_chunk(sources, gradients, accumulate, 1.0F);
}

__device__ void decide(const FinishSettings& settings, double squares, double loss, StepState& state,
                       StepOutputs* outputs) {
  const auto norm = static_cast<float>(sqrt(squares));
  const float unscale = settings.scaled ? 1.0F / state.loss_scale : 1.0F;
  const bool good = isfinite(norm) && isfinite(loss);
  state.found_inf = good ? 0.0F : 1.0F;
  // As torch.nn.utils.clip_grad_norm_: 1e-6 keeps a zero norm finite.
  const float clip = settings.clip > 0 ? fminf(static_cast<float>(settings.clip) / (norm + 1e-6F), 1.0F) : 1.0F;
  state.gradient_factor = unscale * clip;
  if (good) {
    ++state.updates;
    state.gradient_norm = norm;
    state.loss_sum += loss;
    state.unstable_in_row = 0;
  } else {
    ++state.skipped;
    // A gradient that overflows at a scale above 1 is the search for the scale.
    if (!isfinite(loss) || !settings.scaled || state.loss_scale <= 1.0F) ++state.unstable_in_row;
  }
  const auto t = static_cast<double>(state.updates);
  state.correction1 = static_cast<float>(1.0 - pow(settings.beta1, t));
  state.correction2 = static_cast<float>(1.0 - pow(settings.beta2, t));
  state.correction3 = static_cast<float>(1.0 - pow(settings.beta3, t));
  if (settings.scaled) {
    if (!good) {
      state.loss_scale *= kBackoff;
      state.growth = 0;
    } else if (++state.growth == kGrowthInterval) {
      state.loss_scale *= kGrowth;
      state.growth = 0;
    }
  }
  ++state.step;
  outputs->loss_sum = state.loss_sum;
  outputs->gradient_norm = state.gradient_norm;
  outputs->loss_scale = state.loss_scale;
  outputs->steps = state.step;
  outputs->skipped = state.skipped;
  outputs->unstable_in_row = state.unstable_in_row;
}

__global__ void finish(GradientSources sources, float* gradients, bool accumulate, float* norm_partials,
                       const float* loss_partials, int loss_partial_count, FinishSettings settings, StepState* state,
                       StepOutputs* outputs) {
  const float scale = settings.scaled ? 1.0F / state->loss_scale : 1.0F;
  const float squares = block_sum(collect_chunk(sources, gradients, accumulate, scale));
  __shared__ bool last;
  if (threadIdx.x == 0) {
    norm_partials[blockIdx.x] = squares;
    __threadfence();
    last = atomicAdd(&state->blocks_done, 1U) == gridDim.x - 1;
  }
  __syncthreads();
  if (!last) return;
  __threadfence();
  double norm = 0;
  for (int i = static_cast<int>(threadIdx.x); i < sources.chunk_count; i += kThreads) {
    norm += static_cast<double>(*static_cast<volatile float*>(norm_partials + i));
  }
  norm = block_sum(norm);
  double loss = 0;
  for (int i = static_cast<int>(threadIdx.x); i < loss_partial_count; i += kThreads) {
    loss += static_cast<double>(loss_partials[i]);
  }
  loss = block_sum(loss);
  if (threadIdx.x == 0) {
    decide(settings, norm, loss, *state, outputs);
    state->blocks_done = 0;
  }
}

}  // namespace

void collect_gradients(const GradientSources& sources, float* gradients, bool accumulate, void* stream) {
  collect<<<static_cast<unsigned>(sources.chunk_count), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(
      sources, gradients, accumulate);
  check(cudaGetLastError(), "Collecting gradients");
}

void finish_gradients(const GradientSources& sources, float* gradients, bool accumulate, float* norm_partials,
                      const float* loss_partials, int loss_partial_count, const FinishSettings& settings,
                      StepState* state, StepOutputs* outputs, void* stream) {
  finish<<<static_cast<unsigned>(sources.chunk_count), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(
      sources, gradients, accumulate, norm_partials, loss_partials, loss_partial_count, settings, state, outputs);
  check(cudaGetLastError(), "Finishing the gradients of a step");
}

}  // namespace wring::kernels
