#include "wring/files/new_file.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wring/files/file_errors.h"

namespace wring {
namespace {

constexpr std::string_view kPrefix = ".wring-";
constexpr std::string_view kEnding = ".tmp";
constexpr std::size_t kDigits = 32;
constexpr mode_t kMode = 0666;  // the umask takes its part

std::string random_name() {
  std::array<std::uint64_t, 2> random{};
  if (::getrandom(random.data(), sizeof random, 0) != sizeof random) return {};
  return fmt::format("{}{:016x}{:016x}{}", kPrefix, random[0], random[1], kEnding);
}

bool is_temporary(std::string_view name) {
  return name.size() == kPrefix.size() + kDigits + kEnding.size() && name.starts_with(kPrefix) &&
         name.ends_with(kEnding) &&
         name.substr(kPrefix.size(), kDigits).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string own_path(int descriptor) {
  return fmt::format("/proc/self/fd/{}", descriptor);
}

bool is_named(const Folder& folder, const std::string& name, int descriptor) {
  struct stat own {};
  const auto named = folder.status(name);
  return named && ::fstat(descriptor, &own) == 0 && same_file(*named, own);
}

}  // namespace

NewFile::NewFile(const Folder& folder, std::string name, Naming naming) : folder_(folder), name_(std::move(name)) {
  if (naming == Naming::random || !open_unnamed()) open_named();
}

NewFile::~NewFile() {
  if (!temporary_.empty()) folder_.remove(temporary_);
}

// Without /proc it could never be given a name.
bool NewFile::open_unnamed() {
  descriptor_ = folder_.open_file(".", O_TMPFILE | O_RDWR, kMode);
  if (descriptor_ && ::access(own_path(descriptor_.get()).c_str(), F_OK) == 0) {
    ::flock(descriptor_.get(), LOCK_EX);
    return true;
  }
  descriptor_ = Descriptor();
  return false;
}

void NewFile::open_named() {
  // Between opening and locking, another process may take it for one that was left, and remove it.
  do {
    temporary_.clear();
    const std::string name = random_name();
    descriptor_ = folder_.open_file(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, kMode);
    if (!descriptor_) throw_unwritable(folder_.path_of(name_), errno);
    temporary_ = name;
    ::flock(descriptor_.get(), LOCK_EX);
  } while (!is_named(folder_, temporary_, descriptor_.get()));
}

void NewFile::publish() {
  const auto fail = [&] { throw_unwritable(folder_.path_of(name_), errno); };
  const auto before = folder_.status(name_);
  if (before && S_ISREG(before->st_mode)) ::fchmod(descriptor(), before->st_mode & 0777);
  if (::fsync(descriptor()) != 0 && errno != EINVAL) fail();  // EINVAL: not a file that syncs
  if (temporary_.empty()) {
    const std::string name = random_name();
    if (::linkat(AT_FDCWD, own_path(descriptor()).c_str(), folder_.descriptor(), name.c_str(), AT_SYMLINK_FOLLOW) !=
        0) {
      fail();
    }
    temporary_ = name;
  }
  if (!folder_.rename(temporary_, name_)) fail();
  temporary_.clear();
  folder_.flush();
}

void remove_unfinished_files(const Folder& folder) {
  for (const std::string& name : folder.names()) {
    if (!is_temporary(name)) continue;
    const Descriptor file = folder.open_file(name, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    struct stat status {};
    const bool ours =
        file && ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == ::geteuid();
    // Locked: it is being written.
    if (ours && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) folder.remove(name);
  }
}

}  // namespace wring
