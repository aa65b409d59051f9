#pragma once
#include <ATen/core/Tensor.h>

namespace wring {

// A batch of RGB images as a network takes it: uint8 (N, H, W, 3), contiguous, on any device → (N, 3, H, W)
// in [0, 1], channels-last, on the same device and its current stream. `type` is fp32 or bf16. Equal bit for
// bit on CPU and GPU (where the kernels were built). Throws Error{failed} for a tensor of another type or
// shape.
at::Tensor images_to_float(const at::Tensor& nhwc, at::ScalarType type = at::kFloat);

}  // namespace wring
