#pragma once
#include <cstdint>

namespace wring::kernels {

// 3×3 weights turned for the way back: the gradient of a convolution's input is the convolution of its output's
// gradient with out[l][i][8 − tap][o] = in[l][o][tap][i], for which libraries have their fastest kernels. 16-bit
// elements; `in` has a layer every `layer_stride` elements, `out` is (layers, channels, 9, channels).
void flip_weights(const void* in, std::int64_t layer_stride, int layers, int channels, void* out, void* stream);

}  // namespace wring::kernels
