#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wring/base/clock.h"
#include "wring/gpu/inventory.h"
#include "wring/gpu/metrics.h"

namespace wring {

// Why the clocks are held down (nvmlDeviceGetCurrentClocksEventReasons), as the driver's bit mask.
enum ThrottleReason : std::uint64_t {
  throttle_idle = 0x1,
  throttle_application_clocks = 0x2,
  throttle_power_cap = 0x4,
  throttle_hardware = 0x8,  // also seen for a moment when the performance state changes
  throttle_sync_boost = 0x10,
  throttle_thermal_software = 0x20,
  throttle_thermal_hardware = 0x40,
  throttle_power_brake = 0x80,
  throttle_display = 0x100,
};

struct GpuProcess {
  std::int64_t pid = 0;  // the host's; the driver knows no pid namespaces
  std::string name;      // from /proc where that pid is visible here, else ""
  std::optional<std::int64_t> memory_mib;
  std::optional<double> sm_util;  // per cent, of the last window
};

// One card at one moment.
struct GpuSample {
  double time_s = 0;  // steady clock, when the reading ended
  Readings values;
  std::optional<std::uint64_t> throttle_reasons;
  std::vector<GpuProcess> processes;
  std::vector<std::int64_t> xids;     // the driver's error reports (Xid) since the previous sample
  std::optional<GpuProblem> problem;  // the card could not be asked at all; values are then all errors

  const Reading& operator[](Metric metric) const { return values[static_cast<std::size_t>(metric)]; }
  Reading& operator[](Metric metric) { return values[static_cast<std::size_t>(metric)]; }
};

struct TelemetryOptions {
  bool activity = true;  // GPM: SM, tensor, DRAM activity
  bool processes = true;
  std::vector<std::string> gpus;       // indices, UUIDs or PCI bus ids to watch; empty: all. Unknown: Error{usage}
  std::filesystem::path root = "/";    // stands before /proc and /sys, so that tests bring a recorded machine
  double (*clock)() = steady_seconds;  // the time of samples, so that tests need not wait
};

// Reads cards. Static facts are read once, handles are kept, and what a card does not support is asked once.
class Telemetry {
 public:
  virtual ~Telemetry() = default;

  // What is watched, in the order of the indices below. MIG instances appear as cards of their own.
  virtual const std::vector<Gpu>& gpus() const = 0;

  // Asks card `gpu` now. May block for as long as the driver does; may be called for different cards from different
  // threads at once, for one card from one thread at a time. Never throws: what cannot be read is in the sample.
  virtual GpuSample sample(std::size_t gpu) = 0;

  // Where the values come from, why an earlier source of the chain could not be used, and what this one warned of.
  virtual GpuSource source() const = 0;
  virtual const std::vector<GpuProblem>& problems() const = 0;
  virtual const std::string& driver_version() const = 0;
};

// NVML, else nvidia-smi (3 s a call at most), else /proc/driver/nvidia and /sys (names and no values; source() is none
// then), else nothing: a Telemetry without cards that carries the reasons. Throws only Error{usage} for options.gpus.
std::unique_ptr<Telemetry> open_telemetry(const TelemetryOptions& options = {});

}  // namespace wring
