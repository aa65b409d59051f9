#include "wring_train/log/append_file.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wring/files/file_errors.h"

namespace wring {

AppendFile::AppendFile(std::shared_ptr<const Folder> folder, std::string name)
    : folder_(std::move(folder)),
      name_(std::move(name)),
      // Not to wait for the reader of a FIFO.
      descriptor_(folder_->open_file(name_, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK, 0666)) {
  if (!descriptor_) throw_unwritable(path(), errno);
}

void AppendFile::append(std::string_view record) {
  off_t begun = 0;  // how much of the record is in the file
  while (!record.empty()) {
    const ssize_t written = ::write(descriptor_.get(), record.data(), record.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      struct stat info {};
      // A full disk takes the part that fits: it is taken back, so that the record can be appended whole later.
      if (begun > 0 && ::fstat(descriptor_.get(), &info) == 0 &&
          ::ftruncate(descriptor_.get(), info.st_size - begun) != 0) {
        throw_unwritable(path(), errno);
      }
      throw_unwritable(path(), error);
    }
    begun += written;
    record.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace wring
