#include "wring_train/kernels/cuda_check.h"
#include "wring_train/kernels/pinned_memory.h"

namespace wring::kernels {

std::shared_ptr<std::uint8_t> pinned_memory(std::size_t bytes) {
  void* memory = nullptr;
  const cudaError_t status = cudaHostAlloc(&memory, bytes, cudaHostAllocPortable | cudaHostAllocMapped);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // it is an answer, not an error that later calls should see
    return nullptr;
  }
  check(status, "Page-locking host memory");
  return {static_cast<std::uint8_t*>(memory), [](std::uint8_t* pointer) { cudaFreeHost(pointer); }};
}

}  // namespace wring::kernels
