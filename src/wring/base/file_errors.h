#pragma once
#include <filesystem>
#include <utility>

#include "wring/base/error.h"

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

// Whether a link on the way of `path`, or at its end, leads nowhere.
bool leads_nowhere(const std::filesystem::path& path);

}  // namespace wring
