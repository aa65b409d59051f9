#include "wring/monitor/rotating_log.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wring/base/error.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const fs::path& path, int error) {
  const char* reason = std::strerror(error);
  throw Error(ErrorCode::failed,
              {fmt::format("cannot write the log {}: {}", path.string(), reason),
               fmt::format("无法写入日志 {}：{}", path.string(), reason)},
              error == ENOSPC ? Text{"free some space on that disk, or give a smaller --log-max-size",
                                     "请释放磁盘空间，或减小 --log-max-size"}
                              : Text{"check the path and its permissions", "请检查路径及权限"});
}

// Whether the log may take this name when it moves: nothing but a file stands there.
bool is_free_for_a_log(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::symlink_status(path, ignored);
  return !fs::exists(status) || fs::is_regular_file(status);
}

fs::path numbered(const fs::path& path, int number) {
  return path.string() + fmt::format(".{}", number);
}

}  // namespace

RotatingLog::RotatingLog(fs::path path, std::string header, RotationOptions options)
    : path_(std::move(path)), header_(std::move(header)), options_(options) {
  open();
}

RotatingLog::~RotatingLog() {
  close();
}

void RotatingLog::close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

void RotatingLog::open() {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  struct stat status {};
  if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0) fail(path_, errno);
  regular_ = S_ISREG(status.st_mode);
  bytes_ = regular_ ? status.st_size : 0;
  if (bytes_ == 0) {
    write(header_);
  } else if (regular_) {
    refuse_foreign_file();
  }
}

// A file that does not begin as this log does is somebody else's, or a log of other columns.
void RotatingLog::refuse_foreign_file() {
  std::string begin(header_.size(), '\0');
  std::ifstream(path_, std::ios::binary).read(begin.data(), static_cast<std::streamsize>(begin.size()));
  if (begin == header_) return;
  close();
  throw Error(ErrorCode::failed,
              {fmt::format("{} exists and is not a log with these columns", path_.string()),
               fmt::format("{} 已存在，且不是具有这些列的日志", path_.string())},
              {"give --log another name, or move that file away", "请为 --log 换一个名称，或移走该文件"});
}

void RotatingLog::put_aside() {
  for (int number = 1; number <= options_.old_files; ++number) {
    if (!is_free_for_a_log(numbered(path_, number))) return;  // a folder of that name: the log grows on instead
  }
  close();
  std::error_code ignored;  // a file that cannot be moved is gone on with, and open() says so where it matters
  for (int number = options_.old_files; number > 1; --number) {
    fs::rename(numbered(path_, number - 1), numbered(path_, number), ignored);
  }
  if (options_.old_files > 0) {
    fs::rename(path_, numbered(path_, 1), ignored);
  } else {
    fs::remove(path_, ignored);
  }
  open();
}

void RotatingLog::append(std::string_view record) {
  if (record.empty()) return;
  if (reopen_.exchange(false)) {
    close();
    open();
  }
  const bool too_large =
      options_.max_bytes > 0 && bytes_ + static_cast<std::int64_t>(record.size()) > options_.max_bytes;
  if (regular_ && too_large && bytes_ > static_cast<std::int64_t>(header_.size())) put_aside();
  write(record);
}

void RotatingLog::write(std::string_view text) {
  const std::int64_t before = bytes_;
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      if (regular_ && bytes_ > before && ::ftruncate(descriptor_, before) == 0) bytes_ = before;
      fail(path_, error);
    }
    bytes_ += written;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace wring
