#include "wring/base/files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wring/base/descriptor_stream.h"
#include "wring/base/error.h"
#include "wring/base/file_errors.h"
#include "wring/base/folder.h"
#include "wring/base/new_file.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMostOfAStream = std::size_t{64} << 20;
constexpr int kMostLinks = 40;  // as the kernel follows

[[noreturn]] void refuse_to_write(const fs::path& path, const Text& why) {
  throw Error(ErrorCode::failed,
              {fmt::format("cannot write {}: {}", path.string(), why.en),
               fmt::format("无法写入 {}：{}", path.string(), why.zh)},
              {"choose another name", "请换一个名称"});
}

// A link of another user in a folder that many may write to would lead us to overwrite any file of ours.
void check_owner(const FilePlace& place, const struct stat& link) {
  if (link.st_uid == ::geteuid() || link.st_uid == 0) return;
  refuse_to_write(place.path(),
                  {fmt::format("it is a link of another user (uid {}), which is not followed", link.st_uid),
                   fmt::format("它是另一用户（uid {}）的链接，不予跟随", link.st_uid)});
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

std::string read_all(const Descriptor& file, const fs::path& path) {
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) throw_unreadable(path, errno);
  const bool regular = S_ISREG(status.st_mode);
  const std::size_t expected = regular ? static_cast<std::size_t>(status.st_size) : 0;
  std::string content(std::max(expected + 1, std::size_t{1} << 12), '\0');
  for (std::size_t size = 0;;) {
    if (size == content.size()) content.resize(2 * size);
    const ssize_t got = ::read(file.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_unreadable(path, errno);
    size += static_cast<std::size_t>(got);
    if (!regular && size > kMostOfAStream) throw_unreadable(path, EFBIG);
    if (got == 0) {
      content.resize(size);
      return content;
    }
  }
}

}  // namespace

std::string read_file(const fs::path& path) {
  return read_all(Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), path);
}

std::string read_file(const Folder& folder, const std::string& name) {
  return read_all(open_regular_file(folder, name), folder.path_of(name));
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

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error) return;
  throw Error(ErrorCode::failed,
              {fmt::format("cannot create the folder {}: {}", path.string(), std::strerror(error.value())),
               fmt::format("无法创建文件夹 {}：{}", path.string(), std::strerror(error.value()))},
              error.value() == ENOSPC ? Text("free some space on that disk, then run the command again")
                                      : Text("check the path and its permissions"));
}

fs::path this_program() {
  return fs::read_symlink("/proc/self/exe");
}

}  // namespace wring
