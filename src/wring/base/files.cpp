#include "wring/base/files.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "wring/base/error.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const char* what, const fs::path& path, int error) {
  Text hint = error == ENOSPC   ? Text("free some space on that disk, then run the command again")
              : error == ENOENT ? Text("check the path")
                                : Text("check the path and its permissions");
  throw Error(ErrorCode::failed, fmt::format("{} {}: {}", what, path.string(), std::strerror(error)), hint);
}

void flush_to_disk(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail("cannot open", path, errno);
  const int result = ::fsync(descriptor);
  const int error = errno;
  ::close(descriptor);
  if (result != 0 && error != EINVAL) fail("cannot write", path, error);  // EINVAL: not a file that syncs
}

// So that the new name outlives a loss of power. Some file systems cannot, which is no reason to fail.
void flush_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

// The file that a link points to, so that the link stays. Renaming over a device or a folder would destroy it.
fs::path write_target(const fs::path& name) {
  std::error_code error;
  fs::path path = fs::is_symlink(name, error) ? fs::weakly_canonical(name, error) : name;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    throw Error(ErrorCode::failed,
                {fmt::format("cannot write {}: it exists and is not a regular file", name.string()),
                 fmt::format("无法写入 {}：它已存在且不是普通文件", name.string())},
                {"choose another name", "请换一个名称"});
  }
  return path;
}

}  // namespace

std::string read_file(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) fail("cannot read", path, EISDIR);
  std::ifstream in(path, std::ios::binary);
  if (!in) fail("cannot read", path, errno);
  std::ostringstream content;
  content << in.rdbuf();
  if (in.bad()) fail("cannot read", path, errno);
  return std::move(content).str();
}

void write_file_atomically(const fs::path& name, const std::function<void(std::ostream&)>& write) {
  const fs::path path = write_target(name);
  const fs::path temporary = path.string() + fmt::format(".tmp{}", ::getpid());
  try {
    errno = 0;
    std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
    if (!out) fail("cannot write", path, errno);
    write(out);
    out.close();
    if (!out) fail("cannot write", path, errno != 0 ? errno : EIO);
    flush_to_disk(temporary);
    std::error_code error;
    fs::rename(temporary, path, error);
    if (error) fail("cannot write", path, error.value());
    flush_folder(path.parent_path());
  } catch (...) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw;
  }
}

void write_file_atomically(const fs::path& path, std::string_view content) {
  write_file_atomically(
      path, [&](std::ostream& out) { out.write(content.data(), static_cast<std::streamsize>(content.size())); });
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail("cannot create the folder", path, error.value());
}

fs::path this_program() {
  return fs::read_symlink("/proc/self/exe");
}

}  // namespace wring
