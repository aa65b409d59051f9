#pragma once
#include <cstdint>

#include "wring_train/kernels/low_type.h"

namespace wring::kernels {

// The passes between convolutions that no library fuses into them. Activations are (pixels, channels), channels a
// multiple of 8, 16-byte aligned.

// out = conv + bias + residual. `bias`: fp32 (channels). `out` may be `conv` or `residual`.
void add_bias_residual(const void* conv, const float* bias, const void* residual, std::int64_t pixels, int channels,
                       LowType type, void* out, void* stream);

// A gradient on its way back, and its sum over all pixels, which is the gradient of the bias:
// out = (gate > 0 ? gradient : 0) + addend, with gate and addend optional (null). `out` may be any of the inputs, or
// null to compute only the sums. `sums`: gradient_blocks(pixels, channels) arrays of `channels` fp32 partial sums.
void pass_gradient(const void* gradient, const void* gate, const void* addend, std::int64_t pixels, int channels,
                   LowType type, void* out, float* sums, void* stream);
int gradient_blocks(std::int64_t pixels, int channels);

}  // namespace wring::kernels
