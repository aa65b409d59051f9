#pragma once

namespace wring::kernels {

// The 16-bit type of activations and working weights.
enum class LowType { bf16, fp16 };

}  // namespace wring::kernels
