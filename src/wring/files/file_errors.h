#pragma once
#include <filesystem>
#include <utility>

#include <sys/types.h>

#include "wring/base/error.h"
#include "wring/base/text.h"

namespace wring {

// A file or folder that the system does not let us read: no permission, a disk that fails, a link to a disk that is not
// mounted. It may be whole: it is never to be taken for missing, nor for damaged.
class Unreadable : public Error {
 public:
  Unreadable(int error, Text message, Text hint)
      : Error(ErrorCode::failed, std::move(message), std::move(hint)), error_(error) {}
  int error() const { return error_; }  // an errno

 private:
  int error_;
};

// "cannot read PATH: REASON", of an errno; or the link on the way that leads nowhere.
[[noreturn]] void throw_unreadable(const std::filesystem::path& path, int error);

// "cannot write PATH: REASON" as Error{failed}.
[[noreturn]] void throw_unwritable(const std::filesystem::path& path, int error);

// What stands in the place of a regular file, by its st_mode: "a FIFO (named pipe)", "a socket", "a device", "a
// folder". Empty for a regular file.
Text kind_of_file(mode_t mode);

// "cannot read PATH: it is not a regular file but a FIFO (named pipe)", as Error{failed}.
[[noreturn]] void throw_no_regular_file(const std::filesystem::path& path, mode_t mode);

// Whether a link on the way of `path`, or at its end, leads nowhere.
bool leads_nowhere(const std::filesystem::path& path);

}  // namespace wring
