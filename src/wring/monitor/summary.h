#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wring/gpu/telemetry.h"
#include "wring/monitor/tick.h"
#include "wring/monitor/verdict.h"

namespace wring {

// A value over a run, weighted by time: each reading counts for the window it describes.
struct MetricSummary {
  double mean = 0;
  double p50 = 0;
  double p95 = 0;
  double max = 0;
  double under_10_share = 0;  // share of the time below 10 %; only for shares
  double coverage = 0;        // share of the run that readings describe
};

struct GpuSummary {
  Gpu gpu;
  std::array<std::optional<MetricSummary>, metric_count> metrics;
  std::optional<double> peak_memory_mib;  // of the samples: a lower bound
  std::optional<double> energy_j;         // difference of the counter; else power integrated
  bool energy_from_counter = false;
  double throttled_share = 0;             // of the time, by power or heat
  std::int64_t samples = 0;
  std::int64_t rejected = 0;              // readings above what is possible
  std::vector<Verdict> verdicts;          // most certain first; empty below 20 s of data
  std::optional<GpuProblem> problem;      // why the card fell out, where it did
};

struct Summary {
  double duration_s = 0;
  double interval_s = 0;
  std::int64_t ticks = 0;
  std::int64_t missed = 0;
  std::vector<GpuSummary> gpus;
  std::optional<MetricSummary> host_cpu;
  std::optional<MetricSummary> host_iowait;
};

// Gathers ticks in bounded memory, so that a week's run costs what a minute's does.
class SummaryBuilder : public TickSink {
 public:
  explicit SummaryBuilder(std::vector<Gpu> gpus);
  ~SummaryBuilder() override;
  void on_tick(const Tick& tick) override;
  Summary summary() const;  // so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wring
