#include <string>

#include "wring/base/error.h"
#include "wring_train/kernels/available.h"
#include "wring_train/kernels/cuda_check.h"

namespace wring::kernels {

bool available() {
  return true;
}

void check(cudaError_t status, const char* operation) {
  if (status != cudaSuccess) {
    throw Error(ErrorCode::failed, std::string(operation) + ": " + cudaGetErrorString(status) + ".",
                "Run wring doctor to check the driver and the GPU.");
  }
}

}  // namespace wring::kernels
