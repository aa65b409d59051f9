#pragma once
#include <cstddef>
#include <optional>

#include "wring/telemetry/summary.h"

namespace wring {

// No verdict on less of the steady part. Start-up, warm-up and compilation look like anything; a third of a minute
// averages steps out.
inline constexpr double kSilentBelowS = 20;

// What the verdicts on one card look at: means over the steady part, in per cent unless the name says otherwise. Absent
// is what could not be measured, and no rule takes it for 0.
struct Features {
  double data_s = 0;    // of what they are means of, described by GPU-Util, or by SM activity where there is none
  double steady_s = 0;  // of the steady part, the same way; another number where the card hardly worked at all

  std::optional<double> gpu_util;
  std::optional<double> gpu_util_max;
  std::optional<double> gpu_util_deviation;  // standard deviation over the samples: a sawtooth where it is large
  std::optional<double> gpu_util_under_10;   // share of the time
  std::optional<double> memory_util;         // time in which memory was touched, not how full it is
  std::optional<double> sm_activity;
  std::optional<double> tensor_activity;
  std::optional<double> dram_activity;
  std::optional<double> fp32_activity;
  std::optional<double> power_of_limit;
  std::optional<double> pcie_rx_mib_s;
  std::optional<double> pcie_tx_mib_s;
  std::optional<double> link_mib_s;   // NVLink, or PCIe where there is none, both directions
  std::optional<double> memory_full;  // peak of the samples over the total, of the whole time
  double power_throttled = 0;         // share of the time
  double heat_throttled = 0;
  std::optional<double> temperature_max_c;  // of the whole time

  // The other cards that were in use in their steady part.
  int busy_peers = 0;
  std::optional<double> busiest_peer_sm_activity;
  std::optional<double> busiest_peer_power_of_limit;

  std::optional<double> host_cpu;  // of all cores together
  std::optional<double> host_busiest_core;
  std::optional<double> host_iowait;

  std::optional<ProgramMeans> program;  // that uses the card, where its processes can be seen
  bool of_command = false;              // the card was watched from a command's start
};

Features features_of(const Summary& summary, std::size_t gpu);

}  // namespace wring
