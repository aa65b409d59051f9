#include "wring/report/append_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wring/base/error.h"

namespace wring {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, int error) {
  throw Error(ErrorCode::failed, fmt::format("cannot write {}: {}", path.string(), std::strerror(error)),
              error == ENOSPC ? "free some space on that disk, then run the command again"
                              : "check the path and its permissions");
}

}  // namespace

AppendFile::AppendFile(const std::filesystem::path& path)
    : path_(path), descriptor_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) fail(path_, errno);
}

AppendFile::~AppendFile() {
  ::close(descriptor_);
}

void AppendFile::append(std::string_view record) {
  off_t begun = 0;  // how much of the record is in the file
  while (!record.empty()) {
    const ssize_t written = ::write(descriptor_, record.data(), record.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      struct stat info {};
      // A full disk takes the part that fits: it is taken back, so that the record can be appended whole later.
      if (begun > 0 && ::fstat(descriptor_, &info) == 0 && ::ftruncate(descriptor_, info.st_size - begun) != 0) {
        fail(path_, errno);
      }
      fail(path_, error);
    }
    begun += written;
    record.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace wring
