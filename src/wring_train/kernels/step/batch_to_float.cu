#include <algorithm>

#include <cuda_bf16.h>

#include "wring_train/kernels/cuda_check.h"
#include "wring_train/kernels/step/batch_to_float.h"

namespace wring::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kWidth = 4;  // elements a thread reads at once: one 32-bit load, one 8- or 16-byte store

__device__ void store(float* out, float value) {
  *out = value;
}
__device__ void store(__nv_bfloat16* out, float value) {
  *out = __float2bfloat16_rn(value);
}

template <typename Out>
struct alignas(kWidth * sizeof(Out)) Pack {
  Out values[kWidth];
};

template <typename Out>
__global__ void convert(const std::uint8_t* __restrict__ in, std::int64_t count, Out* __restrict__ out, bool aligned) {
  const std::int64_t first = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * kWidth;
  if (first >= count) {
    return;
  }
  if (aligned && first + kWidth <= count) {
    const uchar4 bytes = *reinterpret_cast<const uchar4*>(in + first);
    Pack<Out> pack;
    store(&pack.values[0], __fdiv_rn(bytes.x, 255.0F));
    store(&pack.values[1], __fdiv_rn(bytes.y, 255.0F));
    store(&pack.values[2], __fdiv_rn(bytes.z, 255.0F));
    store(&pack.values[3], __fdiv_rn(bytes.w, 255.0F));
    *reinterpret_cast<Pack<Out>*>(out + first) = pack;
    return;
  }
  const std::int64_t end = first + kWidth < count ? first + kWidth : count;
  for (std::int64_t i = first; i < end; ++i) {
    store(out + i, __fdiv_rn(in[i], 255.0F));
  }
}

template <typename Out>
void launch(const std::uint8_t* in, std::int64_t count, Out* out, void* stream) {
  if (count == 0) {
    return;  // CUDA refuses an empty grid
  }
  const bool aligned = reinterpret_cast<std::uintptr_t>(in) % kWidth == 0 &&
                       reinterpret_cast<std::uintptr_t>(out) % alignof(Pack<Out>) == 0;
  const std::int64_t per_block = kThreads * kWidth;
  const auto blocks = static_cast<unsigned>((count + per_block - 1) / per_block);
  convert<<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(in, count, out, aligned);
  check(cudaGetLastError(), "Converting a batch to float");
}

}  // namespace

void batch_to_float(const std::uint8_t* in, std::int64_t count, float* out, void* stream) {
  launch(in, count, out, stream);
}

void batch_to_bfloat16(const std::uint8_t* in, std::int64_t count, void* out, void* stream) {
  launch(in, count, static_cast<__nv_bfloat16*>(out), stream);
}

}  // namespace wring::kernels
