#include "wring/files/files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring/files/descriptor_stream.h"
#include "wring/files/file_errors.h"
#include "wring/files/folder.h"
#include "wring/files/new_file.h"
#include "wring/files/wait_notice.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMostOfAStream = std::size_t{64} << 20;
constexpr int kMostLinks = 40;  // as the kernel follows
constexpr std::chrono::milliseconds kWriterArrival{3000};

[[noreturn]] void refuse_to_write(const fs::path& path, const Text& why) {
  throw Error(ErrorCode::failed, {"cannot write {}: {}", "无法写入 {}：{}", path.string(), why},
              {"choose another name", "请换一个名称"});
}

// A link of another user in a folder that many may write to would lead us to overwrite any file of ours.
void check_owner(const FilePlace& place, const struct stat& link) {
  if (link.st_uid == ::geteuid() || link.st_uid == 0) return;
  refuse_to_write(place.path(), {"it is a link of another user (uid {}), which is not followed",
                                 "它是另一用户（uid {}）的链接，不予跟随", link.st_uid});
}

std::string link_target(const FilePlace& place) {
  std::array<char, 4096> target;
  const ssize_t length = ::readlinkat(place.folder.descriptor(), place.name.c_str(), target.data(), target.size());
  if (length < 0) throw_unwritable(place.path(), errno);
  return {target.data(), static_cast<std::size_t>(length)};
}

// Where a file of that name is written: links are followed, so that they stay. Renaming over a device or a folder would
// destroy it.
FilePlace behind_links(const Folder& folder, const std::string& name) {
  FilePlace place{folder.open_in(""), name};
  for (int links = 0; links <= kMostLinks; ++links) {
    const auto status = name.empty() ? std::nullopt : place.folder.status(place.name);
    if (!name.empty() && (!status || S_ISREG(status->st_mode))) return place;
    if (!status || !S_ISLNK(status->st_mode)) {
      refuse_to_write(folder.path_of(name), {"it exists and is not a regular file", "它已存在且不是普通文件"});
    }
    check_owner(place, *status);
    const fs::path target = link_target(place);
    place = FilePlace{place.folder.open_in(target.parent_path()), target.filename().string()};
  }
  throw_unwritable(folder.path_of(name), ELOOP);
}

void remove_unfinished_files_once(const Folder& folder) {
  static std::mutex mutex;
  static std::set<std::tuple<dev_t, ino_t, std::int64_t, std::uint32_t>> done;
  struct statx born {};  // the number of a folder that is gone is used again
  struct stat status {};
  if (::fstat(folder.descriptor(), &status) != 0) return;
  ::statx(folder.descriptor(), "", AT_EMPTY_PATH, STATX_BTIME, &born);
  {
    const std::scoped_lock lock(mutex);
    if (!done.emplace(status.st_dev, status.st_ino, born.stx_btime.tv_sec, born.stx_btime.tv_nsec).second) return;
  }
  try {
    remove_unfinished_files(folder);
  } catch (const Unreadable&) {  // a folder that may be written to, but not listed
  }
}

void write_new(const FilePlace& place, const std::function<void(std::ostream&)>& write) {
  remove_unfinished_files_once(place.folder);
  NewFile file(place.folder, place.name);
  DescriptorBuffer buffer(file.descriptor());
  std::ostream out(&buffer);
  write(out);
  if (!out.flush()) throw_unwritable(place.path(), buffer.error() != 0 ? buffer.error() : EIO);
  file.publish();
}

enum class Waited { something_came, writer_gone, nothing_came };

Waited wait_to_read(int descriptor, std::chrono::milliseconds time) {
  pollfd wait{descriptor, POLLIN, 0};
  if (::poll(&wait, 1, static_cast<int>(time.count())) == 0) return Waited::nothing_came;
  return (wait.revents & (POLLHUP | POLLIN)) == POLLHUP ? Waited::writer_gone : Waited::something_came;
}

[[noreturn]] void throw_nobody_writes(const fs::path& path) {
  throw Error(ErrorCode::failed,
              {"cannot read {}: it is a FIFO (named pipe), and nobody has written to it for {} s",
               "无法读取 {}：它是命名管道（FIFO），{} 秒内无人写入", path.string(), kWriterArrival.count() / 1000},
              {"choose a file, or start what writes to the pipe", "请选择文件，或启动写入该管道的程序"});
}

// Opening a FIFO would wait for who writes to it, for ever where nobody does. Opened without waiting it gives an end
// until somebody comes.
std::string read_all(const Descriptor& file, const fs::path& path, std::size_t most) {
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) throw_unreadable(path, errno);
  const bool regular = S_ISREG(status.st_mode);
  std::optional<WaitNotice> notice;
  if (S_ISFIFO(status.st_mode)) {
    notice.emplace(
        Text("waiting for what somebody writes into {}, which is a pipe", "{} 是管道，等待写入", path.string()));
  }
  const std::size_t expected = regular ? static_cast<std::size_t>(status.st_size) : 0;
  std::string content(std::min(most, std::max(expected + 1, std::size_t{1} << 12)), '\0');
  Waited writer = S_ISFIFO(status.st_mode) ? Waited::something_came : Waited::writer_gone;
  std::size_t size = 0;
  while (size < most) {
    if (size == content.size()) content.resize(std::min(most, 2 * size));
    const ssize_t got = ::read(file.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno != EINTR && errno != EAGAIN) throw_unreadable(path, errno);
    if (got < 0 && errno == EAGAIN) wait_to_read(file.get(), std::chrono::milliseconds(-1));
    if (got == 0 && (size > 0 || writer == Waited::writer_gone)) break;
    if (got == 0 && writer == Waited::nothing_came) throw_nobody_writes(path);
    if (got == 0) writer = wait_to_read(file.get(), kWriterArrival);
    size += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
    if (!regular && size > kMostOfAStream) throw_unreadable(path, EFBIG);
  }
  content.resize(size);
  return content;
}

}  // namespace

std::string read_file(const fs::path& path) {
  return read_file(path, SIZE_MAX);
}

std::string read_file(const fs::path& path, std::size_t most) {
  return read_all(Descriptor(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)), path, most);
}

std::string read_file(const Folder& folder, const std::string& name) {
  return read_all(open_regular_file(folder, name), folder.path_of(name), SIZE_MAX);
}

void write_file_atomically(const Folder& folder, const std::string& name,
                           const std::function<void(std::ostream&)>& write) {
  std::optional<FilePlace> place;
  try {
    place = behind_links(folder, name);
  } catch (const Unreadable& error) {
    throw_unwritable(folder.path_of(name), error.error());
  }
  write_new(*place, write);
}

FilePlace place_of_file(const fs::path& path) {
  try {
    return {Folder::open(path.parent_path()), path.filename().string()};
  } catch (const Unreadable& error) {
    throw_unwritable(path, error.error());
  }
}

void write_file_atomically(const fs::path& path, const std::function<void(std::ostream&)>& write) {
  const FilePlace place = place_of_file(path);
  write_file_atomically(place.folder, place.name, write);
}

namespace {

std::function<void(std::ostream&)> writer_of(std::string_view content) {
  return [content](std::ostream& out) { out.write(content.data(), static_cast<std::streamsize>(content.size())); };
}

}  // namespace

void write_file_atomically(const fs::path& path, std::string_view content) {
  write_file_atomically(path, writer_of(content));
}

void write_file_atomically(const Folder& folder, const std::string& name, std::string_view content) {
  write_file_atomically(folder, name, writer_of(content));
}

fs::path this_program() {
  return fs::read_symlink("/proc/self/exe");
}

}  // namespace wring
