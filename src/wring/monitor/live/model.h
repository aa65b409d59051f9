#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "wring/findings/finding.h"
#include "wring/telemetry/tick.h"

namespace wring::live {

// One card as the live view shows it.
struct LiveGpu {
  Gpu gpu;
  // The newest sample. Absent while there is nothing to show as of now: none has come yet, it is too old, the card is
  // lost or its driver call hangs. An old value is never shown as a new one.
  std::optional<GpuSample> sample;
  std::optional<GpuProblem> problem;  // the card could not be asked
  std::optional<double> stuck_for_s;  // the driver call that has not come back
  std::uint64_t throttled = 0;        // the reasons that hold now and are worth a word
  std::vector<Finding> verdicts;      // so far, most certain first

  // What the card can have, as last read: the scales of the plots, also of a card that fell out.
  std::optional<double> memory_total_mib;
  std::optional<double> power_limit_w;

  // One value a tick, oldest first; a gap where there was none.
  std::vector<std::optional<float>> util;
  std::vector<std::optional<float>> memory_mib;
  std::vector<std::optional<float>> power_w;
};

// A value that can be shown (plausible()); nothing where there is no sample.
std::optional<double> shown(const std::optional<GpuSample>& sample, Metric metric);

// What the live view shows: gathered from ticks in bounded memory. Pure values, so a paused view keeps a copy.
struct LiveModel {
  LiveModel() = default;
  explicit LiveModel(const std::vector<Gpu>& watched);

  void absorb(const Tick& tick);

  std::vector<LiveGpu> gpus;
  HostSample host;
  std::vector<double> times_s;  // of the ticks whose values the cards keep
  double interval_s = 0;
  std::int64_t missed = 0;
};

// What the view says around the ticks.
struct LiveStatus {
  std::string driver_version;
  Text source;                       // where the values come from when that is not NVML
  std::vector<GpuProblem> problems;  // why there are no cards, or fewer values
  double elapsed_s = 0;
  std::optional<double> remaining_s;
  bool paused = false;
  bool help = false;
  bool can_change_interval = false;
  std::size_t selected = 0;                    // the card that the details belong to
  std::map<std::int64_t, std::string> owners;  // pid → user, where known
};

// The screen that it is shown on.
struct LiveLook {
  int columns = 80;
  int rows = 24;
  bool utf8 = true;
  Language language = Language::en;
};

}  // namespace wring::live
