#include "wring_train/kernels/conv/conv.h"
#include "wring_train/kernels/conv/tiles.cuh"
#include "wring_train/kernels/cuda_check.h"

namespace wring::kernels {
namespace {

// A block sums over some of the tiles for all output channels, kPart input channels and all taps.
constexpr int kPart = 32;
constexpr int kHaloPixels = (kTileRows + 2) * (kTileColumns + 2);
constexpr int kPartStride = kPart + kPad;
template <int O>
constexpr int kGradientBytes = (kTileRows * kTileColumns * (O + kPad) + kHaloPixels * kPartStride) * 2;

template <typename T, int O>
__global__ void __launch_bounds__(kThreads, 2)
    weight_gradients(ConvShape shape, WeightGradientLayers layers, int slabs) {
  constexpr int kStride = O + kPad;
  constexpr int kRowTiles = O / 32;  // 16 output channels each; two warps share the output channels
  extern __shared__ __align__(16) unsigned char memory[];
  T* const gradient = reinterpret_cast<T*>(memory);
  T* const input = gradient + kTileRows * kTileColumns * kStride;
  constexpr int kBuffer = kGradientBytes<O>;  // one tile's share of shared memory; the next tile's follows
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int slab = static_cast<int>(blockIdx.x);
  const int in_first = static_cast<int>(blockIdx.y) * kPart;
  const int layer = static_cast<int>(blockIdx.z);
  // The warp's rows are half of the output channels, its columns 8 input channels of each tap.
  const int out_warp = warp % 2 * (O / 2);
  const int in_warp = warp / 2 * 8;
  FragmentC sum[9][kRowTiles] = {};

  // Both are stored pixel by pixel, so that both are transposed on the way: pixels are what is summed over.
  const std::uint32_t gradient_lane =
      shared_address(gradient + (lane % 8 + lane / 16 * 8) * kStride + out_warp + lane / 8 % 2 * 8);
  // Lanes 0–15 address tap dx, lanes 16–31 tap dx + 1: one load for two taps.
  const std::uint32_t input_lane = shared_address(input + (lane % 16 + lane / 16) * kPartStride + in_warp);
  constexpr int kHaloColumns = kTileColumns + 2;

  const Tiles tiles(shape.batch, shape.height, shape.width);
  const auto load_tile = [&](int index, int buffer) {
    if (index < tiles.count) {
      const Tile tile = tiles.at(index);
      load_pixels<T, kTileRows, kTileColumns, O>(
          gradient + buffer * kBuffer / 2, static_cast<const T*>(layers.out_gradient[layer]), tiles, tile, 0, O, 0);
      load_pixels<T, kTileRows + 2, kHaloColumns, kPart>(input + buffer * kBuffer / 2,
                                                         static_cast<const T*>(layers.in[layer]), tiles, tile, 1,
                                                         shape.inputs, in_first);
    }
    end_copy_group();
  };
  load_tile(slab, 0);
  int buffer = 0;
  for (int index = slab; index < tiles.count; index += slabs, buffer ^= 1) {
    load_tile(index + slabs, buffer ^ 1);
    wait_for_copy_groups<1>();
    __syncthreads();
    const std::uint32_t gradient_at = gradient_lane + buffer * kBuffer;
    const std::uint32_t input_at = input_lane + buffer * kBuffer;
#pragma unroll 2
    for (int row = 0; row < kTileRows; ++row) {
      FragmentA a[kRowTiles];
      std::uint32_t b[3][4];
      std::uint32_t c[3][4];
#pragma unroll
      for (int m = 0; m < kRowTiles; ++m) {
        load_matrices_transposed(a[m], gradient_at + (row * kTileColumns * kStride + m * 16) * 2);
      }
#pragma unroll
      for (int dy = 0; dy < 3; ++dy) {
        const std::uint32_t at = input_at + (row + dy) * kHaloColumns * kPartStride * 2;
        load_matrices_transposed(b[dy], at);
        // The third tap. The tap after it would lie outside for the last pixel, so lanes 16–31 read the same again.
        load_matrices_transposed(c[dy], at + 2 * kPartStride * 2 - (lane >= 16 ? kPartStride * 2 : 0));
      }
#pragma unroll
      for (int dy = 0; dy < 3; ++dy) {
#pragma unroll
        for (int m = 0; m < kRowTiles; ++m) {
          multiply_add<T>(sum[dy * 3][m], a[m], b[dy][0], b[dy][1]);
          multiply_add<T>(sum[dy * 3 + 1][m], a[m], b[dy][2], b[dy][3]);
          multiply_add<T>(sum[dy * 3 + 2][m], a[m], c[dy][0], c[dy][1]);
        }
      }
    }
    __syncthreads();
  }

  float* const out = layers.gradient[layer] + static_cast<std::int64_t>(slab) * O * 9 * shape.inputs;
#pragma unroll
  for (int tap = 0; tap < 9; ++tap) {
#pragma unroll
    for (int m = 0; m < kRowTiles; ++m) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int o = out_warp + m * 16 + lane / 4 + half * 8;
        const int i = in_first + in_warp + lane % 4 * 2;
        *reinterpret_cast<Vec<float, 2>*>(out + (static_cast<std::int64_t>(o) * 9 + tap) * shape.inputs + i) = {
            sum[tap][m][half * 2], sum[tap][m][half * 2 + 1]};
      }
    }
  }
}

}  // namespace

int conv_weight_gradient_parts(const ConvShape& shape) {
  return shape.inputs / kPart;
}

void conv_weight_gradients(const ConvShape& shape, const WeightGradientLayers& layers, int slabs, void* stream) {
  const dim3 blocks(static_cast<unsigned>(slabs), static_cast<unsigned>(shape.inputs / kPart),
                    static_cast<unsigned>(layers.count));
  with_low_type(shape.type, [&](auto low) {
    using T = decltype(low);
    const auto launch_with = [&](auto kernel, int bytes) {
      check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 2 * bytes),
            "Reserving shared memory for weight gradients");
      kernel<<<blocks, kThreads, static_cast<std::size_t>(2 * bytes), static_cast<cudaStream_t>(stream)>>>(
          shape, layers, slabs);
    };
    if (shape.outputs == 32) {
      launch_with(weight_gradients<T, 32>, kGradientBytes<32>);
    } else {
      launch_with(weight_gradients<T, 64>, kGradientBytes<64>);
    }
  });
  check(cudaGetLastError(), "Computing weight gradients");
}

}  // namespace wring::kernels
