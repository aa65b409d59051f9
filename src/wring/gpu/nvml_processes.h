#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

#include "wring/gpu/nvml_library.h"
#include "wring/gpu/telemetry.h"

namespace wring {

// The programs on a card.
class NvmlProcesses {
 public:
  NvmlProcesses(const nvml::Functions& functions, std::filesystem::path root);

  // Listing is dear for the driver, so a list is at least two seconds old before it is made anew.
  void read(nvml::Device device, double now_s, GpuSample& sample);

 private:
  std::vector<GpuProcess> list(nvml::Device device);
  void read_utilization(nvml::Device device, std::vector<GpuProcess>& processes);

  const nvml::Functions& functions_;
  std::filesystem::path root_;
  bool listed_ = false;
  double listed_at_s_ = 0;
  std::uint64_t utilization_seen_us_ = 0;
  std::vector<GpuProcess> processes_;
};

}  // namespace wring
