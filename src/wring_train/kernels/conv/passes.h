#pragma once
#include <cstdint>

#include "wring_train/kernels/low_type.h"

namespace wring::kernels {

// The passes around a library's convolutions that it does not fuse into them. Activations are (pixels, channels),
// channels a multiple of 8, 16-byte aligned.

// out = conv + bias + residual. `bias`: fp32 (channels). `out` may be `conv` or `residual`.
void add_bias_residual(const void* conv, const float* bias, const void* residual, std::int64_t pixels, int channels,
                       LowType type, void* out, void* stream);

// A gradient on its way back, and its sum over all pixels, which is the gradient of the bias:
// out = (gate > 0 ? gradient : 0) + addend, with gate and addend optional (null). `out` may be any of the inputs, or
// null to compute only the sums. `sums`: gradient_blocks(pixels, channels) arrays of `channels` fp32 partial sums.
void pass_gradient(const void* gradient, const void* gate, const void* addend, std::int64_t pixels, int channels,
                   LowType type, void* out, float* sums, void* stream);
int gradient_blocks(std::int64_t pixels, int channels);

// 3×3 weights turned for the way back: the gradient of a convolution's input is the convolution of its output's
// gradient with out[l][i][8 − tap][o] = in[l][o][tap][i], for which libraries have their fastest kernels. 16-bit
// elements; `in` has a layer every `layer_stride` elements, `out` is (layers, channels, 9, channels).
void flip_weights(const void* in, std::int64_t layer_stride, int layers, int channels, void* out, void* stream);

}  // namespace wring::kernels
