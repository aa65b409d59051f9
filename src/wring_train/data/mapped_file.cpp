#include "wring_train/data/mapped_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "wring/base/descriptor.h"
#include "wring/base/error.h"

namespace wring {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, const Text& why) {
  throw Error(
      ErrorCode::failed,
      {fmt::format("cannot read {}: {}", path.string(), why.en), fmt::format("无法读取 {}：{}", path.string(), why.zh)},
      {"check the path and its permissions", "请检查路径和权限"});
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) : path_(path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) refuse(path, std::strerror(errno));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    refuse(path, {"it is not a regular file", "它不是普通文件"});
  }
  if (info.st_size == 0) refuse(path, {"it is empty", "它是空文件"});
  size_ = static_cast<std::size_t>(info.st_size);
  void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (mapped == MAP_FAILED) refuse(path, std::strerror(errno));
  base_ = static_cast<std::byte*>(mapped);
}

MappedFile::~MappedFile() {
  if (base_ != nullptr) ::munmap(base_, size_);
}

}  // namespace wring
