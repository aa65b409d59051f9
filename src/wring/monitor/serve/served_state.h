#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "wring/gpu/telemetry.h"
#include "wring/telemetry/tick.h"

namespace wring::serve {

// What stays the same while a monitor runs.
struct MonitorFacts {
  std::string version;  // Wring's
  std::string host_name;
  GpuSource source = GpuSource::none;
  std::string driver_version;
  std::vector<GpuProblem> problems;  // why an earlier source of values could not be used
  std::vector<Gpu> gpus;
  std::int64_t started_unix_ms = 0;
};

// Seconds gathered since the start. They only grow, so that whoever asks rarely still learns what happened between: the
// difference of two answers is exact, however far apart they are.
struct GpuTotals {
  std::array<double, kMetricCount> share_s{};  // of each share (GPU-Util, SM activity …): its value times its window
  std::array<double, kMetricCount> covered_s{};  // time that its readings describe
  std::map<std::uint64_t, double> throttled_s;   // by the bit of ThrottleReason
};

struct ServedGpu {
  std::optional<GpuSample> sample;  // the newest
  std::optional<double> stuck_for_s;
  GpuTotals totals;
};

// Everything that one answer of the server is made from.
struct MonitorView {
  std::shared_ptr<const MonitorFacts> facts;
  std::vector<ServedGpu> gpus;  // as facts->gpus
  HostSample host;
  std::optional<ProgramSample> program;  // of the last tick
  std::int64_t ticks = 0;
  std::int64_t missed = 0;
  double interval_s = 0;
  std::int64_t unix_ms = 0;                      // of the last tick
  std::optional<double> last_tick_age_s;         // absent before the first tick
  std::optional<double> own_cpu_s;               // of this process, user and system
  std::optional<std::int64_t> own_memory_bytes;  // resident

  bool lost(std::size_t gpu) const;  // the card cannot be asked, or its driver call does not come back
  bool stalled() const;              // no tick for far longer than the interval
};

// Keeps the newest sample of each card and the totals. on_tick() comes from the sampler's thread, view() from any.
class ServedState : public TickSink {
 public:
  explicit ServedState(MonitorFacts facts);
  void on_tick(const Tick& tick) override;

  // Now, with this process' own use of the computer.
  MonitorView view() const;

  const MonitorFacts& facts() const { return *facts_; }

 private:
  std::shared_ptr<const MonitorFacts> facts_;
  mutable std::mutex mutex_;
  MonitorView view_;
  double last_tick_s_ = 0;
};

}  // namespace wring::serve
