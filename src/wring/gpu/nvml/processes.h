#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <vector>

#include "wring/gpu/nvml/library.h"
#include "wring/gpu/nvml/pace.h"
#include "wring/gpu/telemetry.h"

namespace wring {

// The programs on a card.
class NvmlProcesses {
 public:
  NvmlProcesses(const nvml::Functions& functions, std::filesystem::path root);

  // Who is there is a second old at most. What they use of the card is dear to ask (docs/metrics.md) and two to five
  // seconds old.
  void read(nvml::Device device, double now_s, GpuSample& sample);

 private:
  std::vector<GpuProcess> list(nvml::Device device);
  void read_utilization(nvml::Device device);

  const nvml::Functions& functions_;
  std::filesystem::path root_;
  Pace list_pace_{1, 1, 1};
  Pace utilization_pace_{5, 2, 5};
  std::uint64_t utilization_seen_us_ = 0;
  std::map<std::int64_t, double> sm_util_;  // by pid
  std::vector<GpuProcess> processes_;
};

}  // namespace wring
