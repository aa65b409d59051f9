#include "wring_train/kernels/conv/flip_weights.h"
#include "wring_train/kernels/cuda_check.h"

namespace wring::kernels {
namespace {

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

void flip_weights(const void* in, std::int64_t layer_stride, int layers, int channels, void* out, void* stream) {
  const int tiles = (channels + kTile - 1) / kTile;
  const dim3 blocks(static_cast<unsigned>(tiles * tiles), 9, static_cast<unsigned>(layers));
  flip<<<blocks, dim3(kTile, kRows), 0, static_cast<cudaStream_t>(stream)>>>(
      static_cast<const std::uint16_t*>(in), layer_stride, channels, static_cast<std::uint16_t*>(out));
  check(cudaGetLastError(), "Turning the weights for the way back");
}

}  // namespace wring::kernels
