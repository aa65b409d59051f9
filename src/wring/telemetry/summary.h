#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "wring/gpu/telemetry.h"
#include "wring/telemetry/phase_history.h"
#include "wring/telemetry/tick.h"

namespace wring {

// A value over a run, weighted by time: each reading counts for the window it describes.
struct MetricSummary {
  double mean = 0;
  double p50 = 0;
  double p95 = 0;
  double max = 0;
  double under_10_share = 0;  // share of the time below 10 %; only for shares
  double coverage = 0;        // share of the run that readings describe
  double deviation = 0;       // standard deviation
};

struct GpuSummary {
  Gpu gpu;
  std::array<std::optional<MetricSummary>, kMetricCount> metrics;
  std::optional<double> peak_memory_mib;  // of the samples: a lower bound
  std::optional<double> energy_j;         // difference of the counter; else power integrated
  bool energy_from_counter = false;
  double throttled_share = 0;  // of the time, by power or heat
  std::int64_t samples = 0;
  std::int64_t rejected = 0;  // readings that cannot be
  PhaseSummary phases;
  std::optional<GpuProblem> no_util;  // why GPU-Util could never be read
  std::optional<GpuProblem> problem;  // why the card fell out, where it did
  double power_throttled_share = 0;   // of the time, parts of throttled_share that may overlap
  double heat_throttled_share = 0;
  std::optional<double> ecc_errors;           // uncorrected ones that came during the run
  std::optional<double> stuck_for_s;          // the driver call that had not come back at the end
  std::map<std::int64_t, std::int64_t> xids;  // the driver's error reports: how often each came

  const std::optional<MetricSummary>& operator[](Metric metric) const {
    return metrics[static_cast<std::size_t>(metric)];
  }
  std::optional<double> mean(Metric metric) const {
    const auto& summary = (*this)[metric];
    return summary ? std::optional(summary->mean) : std::nullopt;
  }
  std::optional<double> memory_total_mib() const;  // the driver's last word, else what the inventory said
};

struct Summary {
  double duration_s = 0;
  double interval_s = 0;
  std::int64_t ticks = 0;
  std::int64_t missed = 0;
  std::vector<GpuSummary> gpus;
  std::optional<MetricSummary> host_cpu;
  std::optional<MetricSummary> host_iowait;
  std::optional<MetricSummary> host_busiest_core;
  std::optional<MetricSummary> host_disk_read_mib_s;
  std::optional<double> host_peak_memory_mib;
  bool of_command = false;  // it began with a command

  bool lost_a_card() const;  // one fell out, or its driver call never came back
};

// Gathers ticks in bounded memory, so that a week's run costs what a minute's does. A reading describes the past, so it
// holds backwards over the time since the sample before it, at most over three intervals; the rest is not covered. The
// first reading describes no time of the run: it counts for max and peak.
//
// on_tick() and summary() may be called from different threads.
class SummaryBuilder : public TickSink {
 public:
  // of_command: the ticks begin with a command, so that what its card shows before and after is known to be its own.
  explicit SummaryBuilder(std::vector<Gpu> gpus, bool of_command = false);
  ~SummaryBuilder() override;
  void on_tick(const Tick& tick) override;
  void command_ended();
  Summary summary() const;  // so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The summary of some ticks, for a view of the last minute.
Summary summarize(std::span<const Tick> ticks, const std::vector<Gpu>& gpus);

}  // namespace wring
