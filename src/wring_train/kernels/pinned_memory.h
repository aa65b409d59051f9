#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

namespace wring::kernels {

// Page-locked host memory of exactly this size that kernels of every device read under the same address. LibTorch's own
// allocator rounds up to a power of two, which is too much for a whole data set. nullptr when there is not so much.
// Throws Error{no_gpu} in a build without CUDA.
std::shared_ptr<std::uint8_t> pinned_memory(std::size_t bytes);

}  // namespace wring::kernels
