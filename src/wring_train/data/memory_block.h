#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

#include "wring/files/mapping_guard.h"

namespace wring {

// Pages of memory: of the process itself, or of a file. Given back in the destructor.
class MemoryBlock {
 public:
  MemoryBlock() = default;
  // Zeros. Throws Error{failed} when the system gives no more.
  static MemoryBlock of_process(std::size_t bytes);
  // The first `bytes` of an open file, shared with every process that maps it; it keeps no hold on the descriptor.
  // Throws Error{failed} where the file system cannot map. A file that is cut short later, or cannot be read, gives
  // zeros (mapping_guard.h).
  static MemoryBlock of_file(int descriptor, std::size_t bytes, bool writable);

  MemoryBlock(MemoryBlock&& other) noexcept;
  MemoryBlock& operator=(MemoryBlock&& other) noexcept;
  ~MemoryBlock();

  std::span<std::uint8_t> bytes() const { return {data_, size_}; }
  void make_read_only();
  // Asks the system to read a file's pages ahead.
  void will_need() const;
  // Waits until a file's pages are on its disk; false when they could not be written.
  bool flush() const;
  // Whether pages of the file were gone when they were touched: the bytes are not to be used then.
  bool lost() const { return guard_.lost(); }

 private:
  MemoryBlock(void* data, std::size_t size) : data_(static_cast<std::uint8_t*>(data)), size_(size) {}

  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  MappingGuard guard_;
};

}  // namespace wring
