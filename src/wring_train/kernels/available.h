#pragma once

namespace wring::kernels {

// Whether this program was built with CUDA sources. Without them every other function of this folder throws
// Error{no_gpu}; callers ask here first.
bool available();

}  // namespace wring::kernels
