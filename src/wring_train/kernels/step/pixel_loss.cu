#include <algorithm>

#include "wring/plan/edsr_shape.h"
#include "wring_train/kernels/cuda_check.h"
#include "wring_train/kernels/low_precision.cuh"
#include "wring_train/kernels/step/pixel_loss.h"

namespace wring::kernels {
namespace {

constexpr int kMostBlocks = 4 * 132;
constexpr int kCells = 32;          // LR pixels that a block takes at once
constexpr float kEpsilon = 1e-12F;  // BasicSR's, as nn/pixel_loss.cpp
__constant__ float kMean[3] = {kEdsrMean[0], kEdsrMean[1], kEdsrMean[2]};

struct Value {
  float loss, slope;
};

__device__ Value loss_of(LossKind kind, float d) {
  if (kind == LossKind::l1) return {fabsf(d), d > 0 ? 1.0F : d < 0 ? -1.0F : (d == 0 ? 0.0F : d)};
  if (kind == LossKind::mse) return {d * d, 2 * d};
  const float root = sqrtf(d * d + kEpsilon);
  return {root, d / root};
}

// An LR pixel, and which of the border's corrections reach it.
struct Cell {
  std::int64_t sample;
  int x, y, side, batch;

  __device__ bool on_border() const { return x == 0 || y == 0 || x == side - 1 || y == side - 1; }
  // Calls body(row of TailOutput::edges or ::corners, whether it is a corner).
  template <typename Body>
  __device__ void each_correction(const Body& body) const {
    const bool at[4] = {y == 0, y == side - 1, x == 0, x == side - 1};
    for (int e = 0; e < 4; ++e) {
      if (at[e]) body((static_cast<std::int64_t>(e) * batch + sample) * side + (e < 2 ? x : y), false);
    }
    for (int c = 0; c < 4; ++c) {
      if (at[c / 2] && at[2 + c % 2]) body(static_cast<std::int64_t>(c) * batch + sample, true);
    }
  }
};

// A block takes kCells neighbouring LR pixels at once: their outputs through shared memory, so that device memory is
// read and written in whole rows, and a thread for each column of HR pixels.
template <typename T, int S>
__global__ void __launch_bounds__(kCells* S)
    loss_and_gradient(ImagesView images, const SampleDraw* draws, TailOutput output, LossSettings settings,
                      const StepState* state, TailGradient gradient, float* loss_partials, float* bias_partials) {
  constexpr int kOutputs = 3 * S * S;
  constexpr int kThreads = kCells * S;
  constexpr int kStride = kOutputs + 2;  // of a cell in shared memory: neighbours start in different banks
  __shared__ T values[kCells * kStride];
  __shared__ float reduced[3 * S][kThreads];
  __shared__ float losses[kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  const int cell = thread / S;
  const int column = thread % S;
  const int side = settings.lr_patch;
  const std::int64_t pixels = static_cast<std::int64_t>(settings.batch) * side * side;
  const float mean_factor = settings.share / (static_cast<float>(pixels) * kOutputs);
  const float slope_factor = mean_factor * state->loss_scale / 255.0F;
  const auto at = [column](int channel, int row) { return (channel * S + row) * S + column; };
  float bias[3][S];
  float bias_sums[3][S] = {};
  for (int c = 0; c < 3; ++c) {
    for (int row = 0; row < S; ++row) bias[c][row] = output.bias[at(c, row)];
  }
  float loss = 0;
  using Pair = Vec<T, 2>;

  for (std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kCells; first < pixels;
       first += static_cast<std::int64_t>(gridDim.x) * kCells) {
    const int cells = static_cast<int>(min(static_cast<std::int64_t>(kCells), pixels - first));
    const bool pairs = kOutputs % 2 == 0;
    const auto* from = static_cast<const T*>(output.centre) + first * kOutputs;
    auto* to = static_cast<T*>(gradient.centre) + first * kOutputs;
    if (pairs) {
      for (int i = thread; i < cells * kOutputs / 2; i += kThreads) {
        *reinterpret_cast<Pair*>(values + i * 2 / kOutputs * kStride + i * 2 % kOutputs) = load<Pair>(from + i * 2);
      }
    } else {
      for (int i = thread; i < cells * kOutputs; i += kThreads) values[i / kOutputs * kStride + i % kOutputs] = from[i];
    }
    const std::int64_t pixel = min(first + cell, pixels - 1);
    Cell here;
    here.sample = pixel / side / side;
    here.x = static_cast<int>(pixel % side);
    here.y = static_cast<int>(pixel / side % side);
    here.side = side;
    here.batch = settings.batch;
    const SampleDraw draw = draws[here.sample];
    const StoredImage image = images.images[draw.image];
    std::uint8_t hr[3][S];
#pragma unroll
    for (int row = 0; row < S; ++row) {
      const PatchPixel source = turned_from(draw, side * S, here.x * S + column, here.y * S + row);
      const std::uint8_t* bytes =
          images.bytes + image.hr_offset +
          (static_cast<std::uint64_t>(draw.y * S + source.y) * image.hr_width + draw.x * S + source.x) * 3;
      for (int c = 0; c < 3; ++c) hr[c][row] = bytes[c];
    }
    __syncthreads();

    if (cell < cells) {
      T* const mine = values + cell * kStride;
      float value[3][S];
#pragma unroll
      for (int c = 0; c < 3; ++c) {
#pragma unroll
        for (int row = 0; row < S; ++row) value[c][row] = widen(mine[at(c, row)]) + bias[c][row];
      }
      const bool border = here.on_border();
      if (border) {
        here.each_correction([&](std::int64_t index, bool corner) {
          const auto* corrections = static_cast<const T*>(corner ? output.corners : output.edges) + index * kOutputs;
#pragma unroll
          for (int c = 0; c < 3; ++c) {
#pragma unroll
            for (int row = 0; row < S; ++row) value[c][row] += widen(corrections[at(c, row)]);
          }
        });
      }
#pragma unroll
      for (int c = 0; c < 3; ++c) {
#pragma unroll
        for (int row = 0; row < S; ++row) {
          const float difference =
              kMean[c] + value[c][row] * (1.0F / 255.0F) - static_cast<float>(hr[c][row]) * (1.0F / 255.0F);
          const Value found = loss_of(settings.kind, difference);
          loss += found.loss;
          const T slope = narrow<T>(found.slope * slope_factor);
          bias_sums[c][row] += widen(slope);
          mine[at(c, row)] = slope;
        }
      }
      if (border) {
        here.each_correction([&](std::int64_t index, bool corner) {
          auto* slopes = static_cast<T*>(corner ? gradient.corners : gradient.edges) + index * kOutputs;
#pragma unroll
          for (int c = 0; c < 3; ++c) {
#pragma unroll
            for (int row = 0; row < S; ++row) slopes[at(c, row)] = mine[at(c, row)];
          }
        });
      }
    }
    __syncthreads();
    if (pairs) {
      for (int i = thread; i < cells * kOutputs / 2; i += kThreads) {
        *reinterpret_cast<Pair*>(to + i * 2) = load<Pair>(values + i * 2 / kOutputs * kStride + i * 2 % kOutputs);
      }
    } else {
      for (int i = thread; i < cells * kOutputs; i += kThreads) to[i] = values[i / kOutputs * kStride + i % kOutputs];
    }
    __syncthreads();
  }

  // Over the block's cells, always in the same order.
  for (int c = 0; c < 3; ++c) {
    for (int row = 0; row < S; ++row) reduced[c * S + row][thread] = bias_sums[c][row];
  }
  losses[thread] = loss;
  __syncthreads();
  for (int o = thread; o < kOutputs; o += kThreads) {
    float sum = 0;
    for (int i = 0; i < kCells; ++i) sum += reduced[o / S][i * S + o % S];
    bias_partials[static_cast<std::int64_t>(blockIdx.x) * kOutputs + o] = sum;
  }
  if (thread < kWarp) {
    float sum = 0;
    for (int i = thread; i < kThreads; i += kWarp) sum += losses[i];
    sum = warp_sum(sum);
    if (thread == 0) loss_partials[blockIdx.x] = sum * mean_factor;
  }
}

}  // namespace

int pixel_loss_blocks(const LossSettings& settings) {
  const std::int64_t pixels = static_cast<std::int64_t>(settings.batch) * settings.lr_patch * settings.lr_patch;
  return static_cast<int>(std::min<std::int64_t>(kMostBlocks, (pixels + kCells - 1) / kCells));
}

void pixel_loss(const ImagesView& images, const SampleDraw* draws, const TailOutput& output,
                const LossSettings& settings, const StepState* state, const TailGradient& gradient,
                float* loss_partials, float* bias_partials, void* stream) {
  const auto blocks = static_cast<unsigned>(pixel_loss_blocks(settings));
  with_low_type(settings.type, [&](auto low) {
    using T = decltype(low);
    const auto launch = [&](auto kernel) {
      kernel<<<blocks, static_cast<unsigned>(kCells * settings.scale), 0, static_cast<cudaStream_t>(stream)>>>(
          images, draws, output, settings, state, gradient, loss_partials, bias_partials);
    };
    switch (settings.scale) {
      case 2:
        return launch(loss_and_gradient<T, 2>);
      case 3:
        return launch(loss_and_gradient<T, 3>);
      case 4:
        return launch(loss_and_gradient<T, 4>);
      default:
        return launch(loss_and_gradient<T, 8>);
    }
  });
  check(cudaGetLastError(), "Computing the loss");
}

}  // namespace wring::kernels
