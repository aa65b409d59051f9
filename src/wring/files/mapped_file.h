#pragma once
#include <cstddef>
#include <filesystem>
#include <span>

#include "wring/files/mapping_guard.h"

namespace wring {

// A file mapped into memory for reading: only the pages that are looked at are read. Where the file is cut short
// meanwhile, or its disk fails, they are zeros, and lost() says so.
class MappedFile {
 public:
  // Throws Unreadable where the system does not let it be read, Error{failed} naming the file where it is no regular
  // file, or is empty.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {base_, size_}; }
  const std::filesystem::path& path() const { return path_; }
  bool lost() const { return guard_.lost(); }

 private:
  std::filesystem::path path_;
  std::byte* base_ = nullptr;
  std::size_t size_ = 0;
  MappingGuard guard_;
};

}  // namespace wring
