#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

namespace wring {

// The computer at one moment. Shares are of the time since the previous sample.
struct HostSample {
  double time_s = 0;
  std::optional<double> cpu_percent;  // of all cores together
  std::optional<double> busiest_core_percent;
  std::optional<double> iowait_percent;  // of all cores together
  std::optional<std::int64_t> memory_used_mib;
  std::optional<std::int64_t> memory_total_mib;
  std::optional<double> disk_read_mib_s;
};

// Reads /proc. `root` stands before it, so that tests bring a recorded machine.
class HostSampler {
 public:
  explicit HostSampler(std::filesystem::path root = "/");
  HostSample sample();

 private:
  struct CpuTimes;
  std::filesystem::path root_;
  std::shared_ptr<CpuTimes> previous_;
};

}  // namespace wring
