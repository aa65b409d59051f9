#include <algorithm>
#include <bit>

#include "wring_train/kernels/cuda_check.h"
#include "wring_train/kernels/low_precision.cuh"
#include "wring_train/kernels/pixel_loss.h"

namespace wring::kernels {
namespace {

constexpr int kMostBlocks = 4 * 132;
constexpr float kEpsilon = 1e-12F;  // BasicSR's, as nn/pixel_loss.cpp
__constant__ float kMean[3] = {0.4488F, 0.4371F, 0.4040F};

// S outputs in a row of HR pixels; in one access where S is a power of two.
template <typename T, int S>
struct Row {
  float at[S];

  __device__ void read(const T* from) {
    if constexpr (std::has_single_bit(static_cast<unsigned>(S))) {
      const auto packed = load<Vec<T, S>>(from);
      for (int i = 0; i < S; ++i) at[i] = widen(packed.at[i]);
    } else {
      for (int i = 0; i < S; ++i) at[i] = widen(from[i]);
    }
  }
  __device__ void add(const T* from) {
    Row other;
    other.read(from);
    for (int i = 0; i < S; ++i) at[i] += other.at[i];
  }
  // Rounds to T, so that what is summed is what is stored.
  __device__ void round() {
    for (int i = 0; i < S; ++i) at[i] = widen(narrow<T>(at[i]));
  }
  __device__ void write(T* to) const {
    if constexpr (std::has_single_bit(static_cast<unsigned>(S))) {
      Vec<T, S> packed;
      for (int i = 0; i < S; ++i) packed.at[i] = narrow<T>(at[i]);
      *reinterpret_cast<Vec<T, S>*>(to) = packed;
    } else {
      for (int i = 0; i < S; ++i) to[i] = narrow<T>(at[i]);
    }
  }
};

struct Value {
  float loss, slope;
};

__device__ Value loss_of(LossKind kind, float d) {
  if (kind == LossKind::l1) return {fabsf(d), d > 0 ? 1.0F : d < 0 ? -1.0F : (d == 0 ? 0.0F : d)};
  if (kind == LossKind::mse) return {d * d, 2 * d};
  const float root = sqrtf(d * d + kEpsilon);
  return {root, d / root};
}

// Which of the border's corrections reach an LR pixel.
struct Border {
  std::int64_t edges[4];
  std::int64_t corners[4];  // -1: does not

  __device__ Border(int x, int y, std::int64_t sample, int side, int batch) {
    const std::int64_t edge_rows = static_cast<std::int64_t>(batch) * side;
    const bool at[4] = {y == 0, y == side - 1, x == 0, x == side - 1};
    for (int e = 0; e < 4; ++e) edges[e] = at[e] ? e * edge_rows + sample * side + (e < 2 ? x : y) : -1;
    for (int c = 0; c < 4; ++c) corners[c] = at[c / 2] && at[2 + c % 2] ? c * batch + sample : -1;
  }
};

// A warp for each of the S rows of HR pixels of a cell; its lanes are neighbouring LR pixels.
template <typename T, int S>
__global__ void __launch_bounds__(kWarp* S)
    loss_and_gradient(ImagesView images, const SampleDraw* draws, TailOutput output, LossSettings settings,
                      const StepState* state, TailGradient gradient, float* loss_partials, float* bias_partials) {
  constexpr int kOutputs = 3 * S * S;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int row = static_cast<int>(threadIdx.x) / kWarp;
  const int side = settings.lr_patch;
  const std::int64_t pixels = static_cast<std::int64_t>(settings.batch) * side * side;
  const float mean_factor = settings.share / (static_cast<float>(pixels) * kOutputs);
  const float slope_factor = mean_factor * state->loss_scale / 255.0F;
  const auto at = [row](int channel) { return channel * S * S + row * S; };
  float bias_sums[3][S] = {};
  float loss = 0;

  for (std::int64_t pixel = static_cast<std::int64_t>(blockIdx.x) * kWarp + lane; pixel < pixels;
       pixel += static_cast<std::int64_t>(gridDim.x) * kWarp) {
    const int x = static_cast<int>(pixel % side);
    const int y = static_cast<int>(pixel / side % side);
    const std::int64_t sample = pixel / side / side;
    const SampleDraw draw = draws[sample];
    const StoredImage image = images.images[draw.image];
    Row<T, S> values[3];
    for (int c = 0; c < 3; ++c) {
      values[c].read(static_cast<const T*>(output.centre) + pixel * kOutputs + at(c));
      for (int i = 0; i < S; ++i) values[c].at[i] += output.bias[at(c) + i];
    }
    const bool inside = x > 0 && y > 0 && x < side - 1 && y < side - 1;
    const Border border(x, y, sample, side, settings.batch);
    if (!inside) {
      for (int c = 0; c < 3; ++c) {
        for (const std::int64_t edge : border.edges) {
          if (edge >= 0) values[c].add(static_cast<const T*>(output.edges) + edge * kOutputs + at(c));
        }
        for (const std::int64_t corner : border.corners) {
          if (corner >= 0) values[c].add(static_cast<const T*>(output.corners) + corner * kOutputs + at(c));
        }
      }
    }
    for (int i = 0; i < S; ++i) {
      const PatchPixel from = turned_from(draw, side * S, x * S + i, y * S + row);
      const std::uint8_t* hr = images.bytes + image.hr_offset +
                               (static_cast<std::uint64_t>(draw.y * S + from.y) * image.hr_width + draw.x * S + from.x) * 3;
      for (int c = 0; c < 3; ++c) {
        const float difference = kMean[c] + values[c].at[i] * (1.0F / 255.0F) - __fdiv_rn(hr[c], 255.0F);
        const Value value = loss_of(settings.kind, difference);
        loss += value.loss;
        values[c].at[i] = value.slope * slope_factor;
      }
    }
    for (int c = 0; c < 3; ++c) {
      values[c].round();
      for (int i = 0; i < S; ++i) bias_sums[c][i] += values[c].at[i];
      values[c].write(static_cast<T*>(gradient.centre) + pixel * kOutputs + at(c));
    }
    if (!inside) {
      for (int c = 0; c < 3; ++c) {
        for (const std::int64_t edge : border.edges) {
          if (edge >= 0) values[c].write(static_cast<T*>(gradient.edges) + edge * kOutputs + at(c));
        }
        for (const std::int64_t corner : border.corners) {
          if (corner >= 0) values[c].write(static_cast<T*>(gradient.corners) + corner * kOutputs + at(c));
        }
      }
    }
  }

  for (int c = 0; c < 3; ++c) {
    for (int i = 0; i < S; ++i) {
      const float sum = warp_sum(bias_sums[c][i]);
      if (lane == 0) bias_partials[static_cast<std::int64_t>(blockIdx.x) * kOutputs + at(c) + i] = sum;
    }
  }
  __shared__ float row_losses[S];
  loss = warp_sum(loss);
  if (lane == 0) row_losses[row] = loss;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int r = 1; r < S; ++r) loss += row_losses[r];
    loss_partials[blockIdx.x] = loss * mean_factor;
  }
}

}  // namespace

int pixel_loss_blocks(const LossSettings& settings) {
  const std::int64_t pixels = static_cast<std::int64_t>(settings.batch) * settings.lr_patch * settings.lr_patch;
  return static_cast<int>(std::min<std::int64_t>(kMostBlocks, (pixels + kWarp - 1) / kWarp));
}

void pixel_loss(const ImagesView& images, const SampleDraw* draws, const TailOutput& output, const LossSettings& settings,
                const StepState* state, const TailGradient& gradient, float* loss_partials, float* bias_partials,
                void* stream) {
  const auto blocks = static_cast<unsigned>(pixel_loss_blocks(settings));
  with_low_type(settings.type, [&](auto low) {
    using T = decltype(low);
    const auto launch = [&](auto kernel) {
      kernel<<<blocks, static_cast<unsigned>(kWarp * settings.scale), 0, static_cast<cudaStream_t>(stream)>>>(
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
