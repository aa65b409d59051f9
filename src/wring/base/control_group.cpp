#include "wring/base/control_group.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "wring/base/parse.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

// Version 1 writes a number near 2^63 where there is no limit.
constexpr std::int64_t kUnlimited = std::int64_t{1} << 60;

std::string first_line(const fs::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

void tighten_memory(ControlGroupLimits& limits, std::string_view text) {
  const auto bytes = parse_number<std::int64_t>(text);  // "max" is no number
  if (!bytes || *bytes <= 0 || *bytes >= kUnlimited) return;
  limits.memory_bytes = std::min(limits.memory_bytes.value_or(*bytes), *bytes);
}

void tighten_cpu(ControlGroupLimits& limits, std::string_view quota, std::string_view period) {
  const auto q = parse_number<std::int64_t>(quota), p = parse_number<std::int64_t>(period);
  if (!q || !p || *q <= 0 || *p <= 0) return;
  const double cores = static_cast<double>(*q) / static_cast<double>(*p);
  limits.cpu_cores = std::min(limits.cpu_cores.value_or(cores), cores);
}

// Calls `look` with the folder of the group and of every one above it, up to that of the hierarchy itself. In a
// container the path of the host need not exist; the hierarchy's own folder is the container's group then.
template <typename Look>
void for_each_level(const fs::path& hierarchy, const fs::path& group, Look look) {
  for (fs::path level = group.relative_path(); !level.empty(); level = level.parent_path()) look(hierarchy / level);
  look(hierarchy);
}

void look_at_version_2(ControlGroupLimits& limits, const fs::path& folder) {
  tighten_memory(limits, first_line(folder / "memory.max"));
  const std::string cpu = first_line(folder / "cpu.max");
  const std::size_t blank = std::min(cpu.find(' '), cpu.size());
  tighten_cpu(limits, std::string_view(cpu).substr(0, blank),
              std::string_view(cpu).substr(std::min(blank + 1, cpu.size())));
}

}  // namespace

ControlGroupLimits control_group_limits(const fs::path& root) {
  ControlGroupLimits limits;
  const fs::path sys = root / "sys/fs/cgroup";
  std::ifstream in(root / "proc/self/cgroup");
  // "0::/user.slice" (version 2) or "4:memory:/docker/…" (version 1); a machine may have both.
  for (std::string line; std::getline(in, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1));
    const fs::path group = line.substr(second + 1);
    if (controllers == ",,") {
      for_each_level(sys, group, [&](const fs::path& folder) { look_at_version_2(limits, folder); });
    }
    if (controllers.find(",memory,") != std::string::npos) {
      for_each_level(sys / "memory", group, [&](const fs::path& folder) {
        tighten_memory(limits, first_line(folder / "memory.limit_in_bytes"));
      });
    }
    if (controllers.find(",cpu,") != std::string::npos) {
      for_each_level(sys / "cpu", group, [&](const fs::path& folder) {
        tighten_cpu(limits, first_line(folder / "cpu.cfs_quota_us"), first_line(folder / "cpu.cfs_period_us"));
      });
    }
  }
  return limits;
}

}  // namespace wring
