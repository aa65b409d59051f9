#pragma once
#include <cuda_runtime_api.h>

namespace wring::kernels {

// Throws Error{failed} naming the operation and CUDA's reason, unless `status` is success.
void check(cudaError_t status, const char* operation);

}  // namespace wring::kernels
