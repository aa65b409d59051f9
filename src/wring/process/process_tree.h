#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace wring {

// A process or a thread, as /proc/PID/stat and /proc/PID/task/TID/stat tell of it (proc(5)).
struct ProcessStat {
  std::string name;  // at most 15 bytes, which need not be UTF-8
  char state = '?';  // R runs or could, S sleeps, D waits for a disk
  pid_t parent = 0;
  std::uint64_t cpu_ticks = 0;      // user and system time; of a process that of all its threads, ended ones included
  std::uint64_t started_ticks = 0;  // since the machine's start: tells a new process from an old one of the same number
};

// Absent where there is none, or it has ended meanwhile.
std::optional<ProcessStat> read_process_stat(const std::filesystem::path& folder);

// The processes that `process` started itself and that still run. Absent where the kernel does not tell.
std::optional<std::vector<pid_t>> children(pid_t process, const std::filesystem::path& proc = "/proc");

// The processes that `root` started, and those that they started, of /proc. What has outlived its parent is not among
// them. `proc`: so that tests bring a recorded machine.
std::vector<pid_t> descendants(pid_t root, const std::filesystem::path& proc = "/proc");

// The numbers that a folder of /proc has entries for: processes, threads, descriptors.
std::vector<pid_t> numbered_entries(const std::filesystem::path& folder);

}  // namespace wring
