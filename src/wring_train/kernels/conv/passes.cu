#include <algorithm>

#include "wring_train/kernels/conv/passes.h"
#include "wring_train/kernels/cuda_check.h"
#include "wring_train/kernels/low_precision.cuh"

namespace wring::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kMostBlocks = 4 * 132;  // a few for each multiprocessor of a large card; more would only add partial sums
constexpr int kRowsAtOnce = 4;        // rows that a thread has in flight

template <typename T>
__global__ void __launch_bounds__(kThreads)
    bias_residual(const Vec8<T>* conv, const float* bias, const Vec8<T>* residual, std::int64_t vectors,
                  int vectors_a_row, Vec8<T>* out) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= vectors) return;
  const float* channel_bias = bias + i % vectors_a_row * 8;
  const Vec8<T> a = conv[i];
  const Vec8<T> b = residual[i];
  Vec8<T> sum;
  for (int k = 0; k < 8; ++k) sum.at[k] = narrow<T>(widen(a.at[k]) + channel_bias[k] + widen(b.at[k]));
  out[i] = sum;
}

// A block has `rows` rows of vectors_a_row threads; row r takes the pixels r, r + rows · blocks, …
template <typename T, bool kGate, bool kAdd, bool kOut>
__global__ void __launch_bounds__(kThreads)
    gradient_pass(const Vec8<T>* gradient, const Vec8<T>* gate, const Vec8<T>* addend, std::int64_t pixels,
                  int vectors_a_row, int rows, Vec8<T>* out, float* sums) {
  extern __shared__ float shared[];
  const int vector = static_cast<int>(threadIdx.x) % vectors_a_row;
  const int row = static_cast<int>(threadIdx.x) / vectors_a_row;
  const std::int64_t stride = static_cast<std::int64_t>(rows) * gridDim.x;
  float sum[8] = {};
  for (std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * rows + row; first < pixels;
       first += stride * kRowsAtOnce) {
    Vec8<T> g[kRowsAtOnce];
    Vec8<T> h[kRowsAtOnce];
    Vec8<T> a[kRowsAtOnce];
#pragma unroll
    for (int n = 0; n < kRowsAtOnce; ++n) {
      const std::int64_t pixel = first + n * stride;
      if (pixel >= pixels) continue;
      const std::int64_t i = pixel * vectors_a_row + vector;
      g[n] = gradient[i];
      if constexpr (kGate) h[n] = gate[i];
      if constexpr (kAdd) a[n] = addend[i];
    }
#pragma unroll
    for (int n = 0; n < kRowsAtOnce; ++n) {
      const std::int64_t pixel = first + n * stride;
      if (pixel >= pixels) continue;
      Vec8<T> result;
      for (int k = 0; k < 8; ++k) {
        float value = widen(g[n].at[k]);
        if constexpr (kGate) value = widen(h[n].at[k]) > 0 ? value : 0.0F;
        if constexpr (kAdd) value += widen(a[n].at[k]);
        result.at[k] = narrow<T>(value);
        sum[k] += value;
      }
      if constexpr (kOut) out[pixel * vectors_a_row + vector] = result;
    }
  }
  const int channels = vectors_a_row * 8;
  for (int k = 0; k < 8; ++k) shared[row * channels + vector * 8 + k] = sum[k];
  __syncthreads();
  for (int channel = static_cast<int>(threadIdx.x); channel < channels; channel += static_cast<int>(blockDim.x)) {
    float total = 0;
    for (int r = 0; r < rows; ++r) total += shared[r * channels + channel];
    sums[static_cast<std::int64_t>(blockIdx.x) * channels + channel] = total;
  }
}

int rows_of(int channels) {
  return std::max(1, kThreads / (channels / 8));
}

constexpr int kTile = 32;
constexpr int kRows = 8;  // of threads; each moves kTile / kRows elements

__global__ void __launch_bounds__(kTile* kRows)
    flip(const std::uint16_t* in, std::int64_t layer_stride, int channels, std::uint16_t* out) {
  __shared__ std::uint16_t tile[kTile][kTile + 2];
  const int tiles = (channels + kTile - 1) / kTile;
  const int o_first = static_cast<int>(blockIdx.x) / tiles * kTile;
  const int i_first = static_cast<int>(blockIdx.x) % tiles * kTile;
  const int tap = static_cast<int>(blockIdx.y);
  const std::int64_t layer = blockIdx.z;
  const int x = static_cast<int>(threadIdx.x);
  in += layer * layer_stride;
  out += layer * channels * 9 * channels;
  for (int row = static_cast<int>(threadIdx.y); row < kTile; row += kRows) {
    const int o = o_first + row;
    const int i = i_first + x;
    if (o < channels && i < channels) tile[row][x] = in[(static_cast<std::int64_t>(o) * 9 + tap) * channels + i];
  }
  __syncthreads();
  for (int row = static_cast<int>(threadIdx.y); row < kTile; row += kRows) {
    const int i = i_first + row;
    const int o = o_first + x;
    if (o < channels && i < channels) {
      out[(static_cast<std::int64_t>(i) * 9 + 8 - tap) * channels + o] = tile[x][row];
    }
  }
}

}  // namespace

void add_bias_residual(const void* conv, const float* bias, const void* residual, std::int64_t pixels, int channels,
                       LowType type, void* out, void* stream) {
  const std::int64_t vectors = pixels * channels / 8;
  const auto blocks = static_cast<unsigned>((vectors + kThreads - 1) / kThreads);
  with_low_type(type, [&](auto low) {
    using V = Vec8<decltype(low)>;
    bias_residual<<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(static_cast<const V*>(conv), bias,
                                                                              static_cast<const V*>(residual), vectors,
                                                                              channels / 8, static_cast<V*>(out));
  });
  check(cudaGetLastError(), "Adding a bias and a residual");
}

int gradient_blocks(std::int64_t pixels, int channels) {
  const std::int64_t per_block = static_cast<std::int64_t>(rows_of(channels)) * kRowsAtOnce;
  return static_cast<int>(std::min<std::int64_t>(kMostBlocks, (pixels + per_block - 1) / per_block));
}

void pass_gradient(const void* gradient, const void* gate, const void* addend, std::int64_t pixels, int channels,
                   LowType type, void* out, float* sums, void* stream) {
  const int rows = rows_of(channels);
  const int vectors = channels / 8;
  const auto blocks = static_cast<unsigned>(gradient_blocks(pixels, channels));
  const auto threads = static_cast<unsigned>(rows * vectors);
  const std::size_t shared = sizeof(float) * static_cast<std::size_t>(rows) * channels;
  with_low_type(type, [&](auto low) {
    using T = decltype(low);
    using V = Vec8<T>;
    const auto launch = [&](auto kernel) {
      kernel<<<blocks, threads, shared, static_cast<cudaStream_t>(stream)>>>(
          static_cast<const V*>(gradient), static_cast<const V*>(gate), static_cast<const V*>(addend), pixels, vectors,
          rows, static_cast<V*>(out), sums);
    };
    if (out == nullptr) {
      launch(gradient_pass<T, false, false, false>);
    } else if (gate != nullptr) {
      addend != nullptr ? launch(gradient_pass<T, true, true, true>) : launch(gradient_pass<T, true, false, true>);
    } else {
      addend != nullptr ? launch(gradient_pass<T, false, true, true>) : launch(gradient_pass<T, false, false, true>);
    }
  });
  check(cudaGetLastError(), "Passing a gradient on");
}

void flip_weights(const void* in, std::int64_t layer_stride, int layers, int channels, void* out, void* stream) {
  const int tiles = (channels + kTile - 1) / kTile;
  const dim3 blocks(static_cast<unsigned>(tiles * tiles), 9, static_cast<unsigned>(layers));
  flip<<<blocks, dim3(kTile, kRows), 0, static_cast<cudaStream_t>(stream)>>>(
      static_cast<const std::uint16_t*>(in), layer_stride, channels, static_cast<std::uint16_t*>(out));
  check(cudaGetLastError(), "Turning the weights for the way back");
}

}  // namespace wring::kernels
