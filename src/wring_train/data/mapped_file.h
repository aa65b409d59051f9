#pragma once
#include <cstddef>
#include <filesystem>
#include <span>

namespace wring {

// A file mapped into memory for reading: only the pages that are looked at are read.
class MappedFile {
 public:
  // Throws Error{failed} naming the file: it cannot be opened, is no regular file, or is empty.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {base_, size_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::byte* base_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace wring
