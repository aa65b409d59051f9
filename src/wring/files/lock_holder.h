#pragma once
#include <optional>
#include <string>

#include <sys/stat.h>
#include <sys/types.h>

namespace wring {

// The process that holds a flock() on the file of this status, as /proc/locks tells; nullopt where it does not: the
// process may be in another container, or the file on another machine's disk. `table`: another place of it, for tests.
std::optional<pid_t> lock_holder(const struct stat& file, const std::string& table = "/proc/locks");

}  // namespace wring
