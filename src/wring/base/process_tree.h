#pragma once
#include <filesystem>
#include <vector>

#include <sys/types.h>

namespace wring {

// The processes that `root` started, and those that they started, of /proc. What has outlived its parent is not among
// them. `proc`: so that tests bring a recorded machine.
std::vector<pid_t> descendants(pid_t root, const std::filesystem::path& proc = "/proc");

}  // namespace wring
