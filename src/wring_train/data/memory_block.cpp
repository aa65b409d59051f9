#include "wring_train/data/memory_block.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sys/mman.h>

#include "wring/base/error.h"

namespace wring {
namespace {

void* mapped(std::size_t bytes, int protection, int flags, int descriptor) {
  void* memory = ::mmap(nullptr, bytes, protection, flags, descriptor, 0);
  if (memory == MAP_FAILED) {
    throw Error(ErrorCode::failed, fmt::format("no memory for {} MiB: {}", bytes >> 20, std::strerror(errno)),
                "use data_cache: none, or cut large photographs into sub-images");
  }
  return memory;
}

}  // namespace

MemoryBlock MemoryBlock::of_process(std::size_t bytes) {
  if (bytes == 0) return {};
  void* memory = mapped(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  ::madvise(memory, bytes, MADV_HUGEPAGE);  // patches are cut from all over it: fewer misses of the page table
  return {memory, bytes};
}

MemoryBlock MemoryBlock::of_file(int descriptor, std::size_t bytes, bool writable) {
  if (bytes == 0) return {};
  MemoryBlock block(mapped(bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, descriptor), bytes);
  block.guard_ = MappingGuard(block.data_, bytes);
  return block;
}

MemoryBlock::MemoryBlock(MemoryBlock&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      guard_(std::move(other.guard_)) {}

MemoryBlock& MemoryBlock::operator=(MemoryBlock&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(guard_, other.guard_);
  return *this;
}

MemoryBlock::~MemoryBlock() {
  guard_ = MappingGuard();  // another mapping may take the place at once
  if (data_ != nullptr) ::munmap(data_, size_);
}

void MemoryBlock::make_read_only() {
  if (data_ != nullptr) ::mprotect(data_, size_, PROT_READ);
}

void MemoryBlock::will_need() const {
  if (data_ != nullptr) ::madvise(data_, size_, MADV_WILLNEED);
}

bool MemoryBlock::flush() const {
  return data_ == nullptr || ::msync(data_, size_, MS_SYNC) == 0;
}

}  // namespace wring
