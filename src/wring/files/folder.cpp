#include "wring/files/folder.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "wring/files/file_errors.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kDeleted = " (deleted)";  // as /proc marks the path of what is gone

// The path that the kernel knows the open folder by; empty without /proc.
std::string kernels_path(int descriptor) {
  std::error_code error;
  return fs::read_symlink(fmt::format("/proc/self/fd/{}", descriptor), error).string();
}

Descriptor checked_regular(Descriptor file, const fs::path& path) {
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) throw_unreadable(path, errno);
  if (!S_ISREG(status.st_mode)) throw_no_regular_file(path, status.st_mode);
  return file;
}

constexpr int kReadRegular = O_RDONLY | O_NONBLOCK | O_NOCTTY;

}  // namespace

// An empty name is the folder itself.
std::optional<Folder> Folder::find_at(int folder, const fs::path& name, fs::path path) {
  Descriptor descriptor(::openat(folder, name.empty() ? "." : name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor) return Folder(std::move(descriptor), std::move(path));
  const int error = errno;
  if (error == ENOENT && !leads_nowhere(path)) return std::nullopt;
  throw_unreadable(path, error);
}

Folder Folder::open(const fs::path& path) {
  if (auto found = find(path)) return std::move(*found);
  throw_unreadable(path, ENOENT);
}

std::optional<Folder> Folder::find(const fs::path& path) {
  return find_at(AT_FDCWD, path, path);
}

Folder Folder::make(const fs::path& path) {
  if (auto found = find(path)) return std::move(*found);
  make_folder(path);
  return open(path);
}

Folder Folder::open_in(const fs::path& name) const {
  if (auto found = find_in(name)) return std::move(*found);
  throw_unreadable(path_of(name), ENOENT);
}

std::optional<Folder> Folder::find_in(const fs::path& name) const {
  return find_at(descriptor(), name, path_of(name));
}

Folder Folder::make_in(const std::string& name) const {
  if (auto found = find_in(name)) return std::move(*found);
  if (::mkdirat(descriptor(), name.c_str(), 0777) != 0 && errno != EEXIST) throw_unwritable(path_of(name), errno);
  return open_in(name);
}

fs::path Folder::path() const {
  if (is_at(path_)) return path_;
  const fs::path now = kernels_path(descriptor());
  return is_at(now) ? now : path_;
}

bool Folder::removed() const {
  struct stat own {};
  if (::fstat(descriptor(), &own) != 0) return true;  // ESTALE: gone from a network folder
  if (own.st_nlink == 0) return true;
  return !is_at(path_) && kernels_path(descriptor()).ends_with(kDeleted);  // not every file system counts links
}

bool Folder::is_at(const fs::path& path) const {
  struct stat own {};
  struct stat named {};
  const char* name = path.empty() ? "." : path.c_str();
  return ::fstat(descriptor(), &own) == 0 && ::stat(name, &named) == 0 && same_file(own, named);
}

std::vector<std::string> Folder::names() const {
  std::vector<std::string> names;
  // A description of its own, whose place in the list is not shared.
  const int own = ::openat(descriptor(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> list(own < 0 ? nullptr : ::fdopendir(own), &::closedir);
  if (!list) throw_unreadable(path(), errno);
  errno = 0;
  while (const dirent* entry = ::readdir(list.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) throw_unreadable(path(), errno);
  std::ranges::sort(names);
  return names;
}

std::optional<struct stat> Folder::status(const std::string& name) const {
  struct stat status {};
  if (::fstatat(descriptor(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) return status;
  if (errno == ENOENT) return std::nullopt;
  throw_unreadable(path_of(name), errno);
}

Descriptor Folder::open_file(const std::string& name, int flags, mode_t mode) const {
  return Descriptor(::openat(descriptor(), name.c_str(), flags | O_CLOEXEC, mode));
}

bool Folder::remove(const std::string& name) const {
  return ::unlinkat(descriptor(), name.c_str(), 0) == 0 || errno == ENOENT;
}

bool Folder::rename(const std::string& from, const std::string& to) const {
  return ::renameat(descriptor(), from.c_str(), descriptor(), to.c_str()) == 0;
}

void Folder::flush() const {
  ::fsync(descriptor());
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error) return;
  throw Error(ErrorCode::failed,
              {"cannot create the folder {}: {}", "无法创建文件夹 {}：{}", path.string(), std::strerror(error.value())},
              error.value() == ENOSPC ? Text("free some space on that disk, then run the command again",
                                             "请在该磁盘上腾出空间，然后重新运行")
                                      : Text("check the path and its permissions", "请检查路径和权限"));
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

Descriptor open_regular_file(const fs::path& path) {
  return checked_regular(Descriptor(::open(path.c_str(), kReadRegular | O_CLOEXEC)), path);
}

Descriptor open_regular_file(const Folder& folder, const std::string& name) {
  return checked_regular(folder.open_file(name, kReadRegular), folder.path_of(name));
}

Descriptor open_own_file(const fs::path& path) {
  const Folder folder = Folder::open(path.has_parent_path() ? path.parent_path() : fs::path("."));
  const std::string name = path.filename().string();
  const auto found = folder.status(name);
  if (found && S_ISLNK(found->st_mode)) {
    throw Error(ErrorCode::failed, {"{} is a link, which is not followed", "{} 是链接，不会跟随", path.string()}, {});
  }
  Descriptor file = checked_regular(folder.open_file(name, kReadRegular | O_NOFOLLOW), path);
  struct stat status {
  }, around{};
  if (::fstat(file.get(), &status) != 0 || ::fstat(folder.descriptor(), &around) != 0) throw_unreadable(path, errno);
  if (status.st_uid != ::geteuid() && status.st_uid != around.st_uid) {
    throw Error(ErrorCode::failed, {"{} belongs to another user", "{} 属于其他用户", path.string()}, {});
  }
  return file;
}

}  // namespace wring
