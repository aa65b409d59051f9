#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "wring/base/error.h"

namespace wring {

// Buffers of one size that return when their last owner lets go: pinning memory costs milliseconds, so it
// happens a few times per run and not per step. A buffer keeps the pool alive, so either may be dropped
// first.
class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  using Allocate = std::function<std::shared_ptr<std::uint8_t>(std::size_t bytes)>;

  BufferPool(std::size_t bytes, Allocate allocate) : bytes_(bytes), allocate_(std::move(allocate)) {}

  // A buffer of the pool's size, with old content. Throws Error{failed} when the allocator has none.
  std::shared_ptr<std::uint8_t> take() {
    std::shared_ptr<std::uint8_t> memory = take_free();
    if (memory == nullptr) memory = allocate_new();
    std::uint8_t* const data = memory.get();
    return {data, [pool = shared_from_this(), kept = std::move(memory)](std::uint8_t*) mutable {
              pool->put_back(std::move(kept));
            }};
  }

 private:
  std::shared_ptr<std::uint8_t> take_free() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return nullptr;
    std::shared_ptr<std::uint8_t> memory = std::move(free_.back());
    free_.pop_back();
    return memory;
  }

  std::shared_ptr<std::uint8_t> allocate_new() {
    std::shared_ptr<std::uint8_t> memory =
        allocate_ ? allocate_(bytes_)
                  : std::shared_ptr<std::uint8_t>(new std::uint8_t[bytes_], std::default_delete<std::uint8_t[]>());
    if (memory == nullptr) {
      throw Error(ErrorCode::failed, "no memory for a batch of " + std::to_string(bytes_) + " bytes",
                  "use a smaller batch_size, prefetch_factor or num_workers");
    }
    const std::lock_guard lock(mutex_);
    free_.reserve(++allocated_);  // so that put_back, which runs in destructors, cannot throw
    return memory;
  }

  void put_back(std::shared_ptr<std::uint8_t> memory) noexcept {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(memory));
  }

  const std::size_t bytes_;
  const Allocate allocate_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<std::uint8_t>> free_;
  std::size_t allocated_ = 0;
};

}  // namespace wring
