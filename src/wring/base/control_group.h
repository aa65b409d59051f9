#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>

namespace wring {

// What the control groups (version 2 or 1) that hold this process allow: the tightest of its own group and those above
// it. Absent: no limit, or none that can be read. `root` stands before /proc and /sys, so that tests bring a recorded
// machine.
struct ControlGroupLimits {
  std::optional<double> cpu_cores;  // time per time: 1.5 is one core and a half
  std::optional<std::int64_t> memory_bytes;
};

ControlGroupLimits control_group_limits(const std::filesystem::path& root = "/");

}  // namespace wring
