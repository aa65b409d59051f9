#pragma once
#include <cstdint>

namespace wring::kernels {

// out[i] = in[i] / 255 for `count` elements, correctly rounded: bit for bit what ATen's division gives on the
// CPU. ATen on CUDA multiplies by the rounded reciprocal instead, which differs in the last bit for some
// values. Elements keep their order, so an NHWC batch stays NHWC. `in` and `out` are device memory of the
// current device, `stream` is a cudaStream_t. Returns once launched. Throws Error{failed} with CUDA's reason,
// Error{no_gpu} in a build without CUDA.
void batch_to_float(const std::uint8_t* in, std::int64_t count, float* out, void* stream);

// The same, the quotient rounded once more to bfloat16 (to nearest, ties to even); `out` holds 2-byte
// elements.
void batch_to_bfloat16(const std::uint8_t* in, std::int64_t count, void* out, void* stream);

}  // namespace wring::kernels
