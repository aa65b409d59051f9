#include "wring/files/mapped_file.h"

#include <cerrno>

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "wring/base/error.h"
#include "wring/files/file_errors.h"
#include "wring/files/folder.h"

namespace wring {

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  const Descriptor file = open_regular_file(path);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw_unreadable(path, errno);
  if (info.st_size == 0) {
    throw Error(ErrorCode::failed, {"cannot read {}: it is empty", "无法读取 {}：它是空文件", path.string()},
                {"copy or download it again", "请重新复制或下载"});
  }
  size_ = static_cast<std::size_t>(info.st_size);
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (mapped == MAP_FAILED) throw_unreadable(path, errno);
  base_ = static_cast<std::byte*>(mapped);
  guard_ = MappingGuard(mapped, size_);
}

MappedFile::~MappedFile() {
  guard_ = MappingGuard();  // another mapping may take the place at once
  if (base_ != nullptr) ::munmap(base_, size_);
}

}  // namespace wring
