#include "wring/base/system_memory.h"

#include <algorithm>
#include <fstream>
#include <string>

#include "wring/base/control_group.h"

namespace wring {
namespace {

// "Name:  123 kB", in a file of such lines.
std::optional<std::int64_t> kib_of(const std::filesystem::path& file, const std::string& wanted) {
  std::ifstream in(file);
  std::string name;
  for (std::string rest; in >> name; std::getline(in, rest)) {
    std::int64_t kib = 0;
    if (name == wanted && in >> kib) return kib;
  }
  return std::nullopt;
}

}  // namespace

SystemMemory system_memory(const std::filesystem::path& root) {
  const std::filesystem::path file = root / "proc/meminfo";
  return {kib_of(file, "MemTotal:"), kib_of(file, "MemAvailable:")};
}

ProcessMemory process_memory_peak(const std::filesystem::path& root) {
  const auto bytes_of = [&root](const char* name) {
    std::optional<std::int64_t> bytes = kib_of(root / "proc/self/status", name);
    if (bytes) *bytes *= 1024;
    return bytes;
  };
  return {bytes_of("VmHWM:"), bytes_of("VmPeak:")};
}

std::optional<std::int64_t> available_memory_bytes(const std::filesystem::path& root) {
  std::optional<std::int64_t> available = system_memory(root).available_kib;
  if (available) *available *= 1024;
  const std::optional<std::int64_t> limit = control_group_limits(root).memory_bytes;
  if (!limit) return available;
  const std::int64_t used = 1024 * kib_of(root / "proc/self/status", "VmRSS:").value_or(0);
  const std::int64_t left = std::max(std::int64_t{0}, *limit - used);
  return std::min(left, available.value_or(left));
}

}  // namespace wring
