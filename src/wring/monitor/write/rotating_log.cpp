#include "wring/monitor/write/rotating_log.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring/files/folder.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

// Another program holds the lock while it writes a record; one that was stopped meanwhile must not stop us too.
constexpr std::chrono::milliseconds kLockPause{5};
constexpr int kLockTries = 100;
constexpr int kMostFollowed = 100;  // of a log that others put aside while we look
constexpr std::size_t kLongestFirstLine = 1 << 16;

[[noreturn]] void fail(const fs::path& path, int error) {
  const Text reason =
      error == ENXIO ? Text("nobody reads this pipe", "没有程序读取此管道") : Text(std::strerror(error));
  throw Error(ErrorCode::failed, {"cannot write the log {}: {}", "无法写入日志 {}：{}", path.string(), reason},
              error == ENOSPC  ? Text{"free some space on that disk, or give a smaller --log-max-size",
                                     "请释放磁盘空间，或减小 --log-max-size"}
              : error == ENXIO ? Text{"start its reader first", "请先启动读取它的程序"}
                               : Text{"check the path and its permissions", "请检查路径及权限"});
}

fs::path numbered(const fs::path& path, int number) {
  return path.string() + fmt::format(".{}", number);
}

// A link of another user, in a folder that many may write to, would have us append to any file of ours. Whether there
// is a link of ours, or of root's, which is followed.
bool is_followed_link(fs::path path) {
  constexpr int kMostLinks = 40;  // as the kernel follows
  struct stat status {};
  std::error_code error;
  int links = 0;
  while (links < kMostLinks && ::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode)) {
    if (status.st_uid != ::geteuid() && status.st_uid != 0) {
      throw Error(ErrorCode::failed,
                  {"{} is a link of another user (uid {}), which is not followed",
                   "{} 是另一用户（uid {}）的链接，不予跟随", path.string(), status.st_uid},
                  {"give --log another name", "请为 --log 换一个名称"});
    }
    ++links;
    path = path.parent_path() / fs::read_symlink(path, error);
    if (error) break;
  }
  return links > 0;
}

// Of an open file; what is longer than such a line may be is cut.
std::string first_line(int descriptor) {
  std::string line(kLongestFirstLine, '\0');
  const ssize_t got = ::pread(descriptor, line.data(), line.size(), 0);
  line.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return line.substr(0, line.find('\n'));
}

// Ours is open for writing only, so that a FIFO has no second reader.
Descriptor readable(const Descriptor& file) {
  return Descriptor(::open(fmt::format("/proc/self/fd/{}", file.get()).c_str(), O_RDONLY | O_CLOEXEC));
}

// Frees the lock of whatever file is open at the end.
struct Unlocking {
  const Descriptor& file;
  ~Unlocking() { ::flock(file.get(), LOCK_UN); }
};

}  // namespace

RotatingLog::RotatingLog(fs::path path, LogKind kind, RotationOptions options)
    : path_(std::move(path)), kind_(std::move(kind)), options_(options) {
  open();
  append("");
}

void RotatingLog::open() {
  const int no_link = is_followed_link(path_) ? 0 : O_NOFOLLOW;
  // Not to wait for the reader of a FIFO. What is written later may wait.
  file_ = Descriptor(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | no_link, 0666));
  struct stat status {};
  if (!file_ || ::fstat(file_.get(), &status) != 0) fail(path_, errno);
  ::fcntl(file_.get(), F_SETFL, O_APPEND);
  regular_ = S_ISREG(status.st_mode);
  begun_ = false;
  if (regular_) refuse_foreign_file();
}

bool RotatingLog::lock() const {
  for (int i = 0; i < kLockTries; ++i) {
    if (::flock(file_.get(), LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK && errno != EINTR) return true;  // no regular file, or one on a disk without locks
    std::this_thread::sleep_for(kLockPause);
  }
  return false;
}

// Whether another file stands at the path now. Where none does, somebody has moved ours and asks us to reopen() it.
bool RotatingLog::was_put_aside() const {
  struct stat own {
  }, there{};
  return ::fstat(file_.get(), &own) == 0 && ::stat(path_.c_str(), &there) == 0 && !same_file(own, there);
}

// With the lock of the file that is open; afterwards with that of the file at the path.
void RotatingLog::follow_others() {
  for (int i = 0; i < kMostFollowed && regular_ && was_put_aside(); ++i) {
    open();  // closing the other one frees its lock
    lock();
  }
}

// The header, where nothing stands yet. Half a line, left by a program whose disk was full, is ended.
void RotatingLog::begin() {
  const std::int64_t size = bytes();
  if (begun_ && (size > 0 || !regular_)) return;
  begun_ = true;
  if (size == 0) {
    write(kind_.header);
  } else {
    char last = '\n';
    const Descriptor reader = readable(file_);
    if (reader && ::pread(reader.get(), &last, 1, size - 1) == 1 && last != '\n') write("\n");
  }
}

bool RotatingLog::is_own(std::string_view first_line) const {
  if (kind_.is_own_line) return kind_.is_own_line(first_line);
  return !kind_.header.empty() && std::string(first_line) + '\n' == kind_.header;
}

// A file that does not begin as this log does is somebody else's, or a log of other columns.
void RotatingLog::refuse_foreign_file() const {
  if (bytes() == 0) return;
  const Descriptor reader = readable(file_);
  if (!reader) fail(path_, errno);
  const std::string line = first_line(reader.get());
  const bool same_header = kind_.header.empty() || line + '\n' == kind_.header;
  if (is_own(line) && same_header) return;
  throw Error(ErrorCode::failed,
              {"{} exists and is not a log of this kind", "{} 已存在，且不是此类日志", path_.string()},
              {"give --log another name, or move that file away", "请为 --log 换一个名称，或移走该文件"});
}

// Whether the log may take this name when it moves: nothing but an older log stands there.
bool RotatingLog::may_be_replaced(const fs::path& path) const {
  std::error_code ignored;
  const fs::file_status status = fs::symlink_status(path, ignored);
  if (!fs::exists(status)) return true;
  if (!fs::is_regular_file(status)) return false;
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  return file && is_own(first_line(file.get()));
}

void RotatingLog::put_aside() {
  for (int number = 1; number <= options_.old_files; ++number) {
    if (!may_be_replaced(numbered(path_, number))) return;  // what is not ours stays, and the log grows on instead
  }
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
  lock();
  follow_others();
  begin();
}

void RotatingLog::append(std::string_view record) {
  if (reopen_.exchange(false) || !file_) open();
  const bool locked = lock();
  const Unlocking unlocking{file_};
  if (locked) follow_others();
  begin();
  const bool too_large =
      options_.max_bytes > 0 && bytes() + static_cast<std::int64_t>(record.size()) > options_.max_bytes;
  // Without the lock another program may be moving the files just now: a few records too many do less harm.
  const bool fits_none = bytes() <= static_cast<std::int64_t>(kind_.header.size());
  if (regular_ && locked && too_large && !fits_none) put_aside();
  write(record);
}

std::int64_t RotatingLog::bytes() const {
  struct stat status {};
  return regular_ && ::fstat(file_.get(), &status) == 0 ? status.st_size : 0;
}

void RotatingLog::write(std::string_view text) {
  std::int64_t begun = 0;  // how much of the text is in the file
  while (!text.empty()) {
    const ssize_t written = ::write(file_.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      if (regular_ && begun > 0 && ::ftruncate(file_.get(), bytes() - begun) != 0) fail(path_, errno);
      fail(path_, error);
    }
    begun += written;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace wring
