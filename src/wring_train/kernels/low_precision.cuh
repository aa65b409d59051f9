#pragma once
#include <cstdint>

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "wring_train/kernels/low_type.h"

namespace wring::kernels {

__device__ inline float widen(__nv_bfloat16 value) {
  return __bfloat162float(value);
}
__device__ inline float widen(__half value) {
  return __half2float(value);
}
__device__ inline float widen(float value) {
  return value;
}

template <typename T>
__device__ T narrow(float value);
template <>
__device__ inline __nv_bfloat16 narrow<__nv_bfloat16>(float value) {
  return __float2bfloat16_rn(value);
}
template <>
__device__ inline __half narrow<__half>(float value) {
  return __float2half_rn(value);
}
template <>
__device__ inline float narrow<float>(float value) {
  return value;
}

// N elements that are loaded and stored in one access.
template <typename T, int N>
struct alignas(N * sizeof(T)) Vec {
  T at[N];
};
template <typename T>
using Vec8 = Vec<T, 8>;  // 16 bytes of a 16-bit type

template <typename V>
__device__ V load(const void* from) {
  return *static_cast<const V*>(from);
}

// Calls body(T{}) with the 16-bit type that `type` names.
template <typename Body>
void with_low_type(LowType type, const Body& body) {
  if (type == LowType::bf16) {
    body(__nv_bfloat16{});
  } else {
    body(__half{});
  }
}

constexpr int kWarp = 32;

__device__ inline float warp_sum(float value) {
  for (int offset = kWarp / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffU, value, offset);
  return value;
}

}  // namespace wring::kernels
