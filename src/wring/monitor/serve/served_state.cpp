#include "wring/monitor/serve/served_state.h"

#include <algorithm>
#include <fstream>

#include <sys/resource.h>
#include <unistd.h>

namespace wring::serve {
namespace {

// A reading describes the time since the reading before it, but no more than this many intervals: what the card did
// during a longer silence is unknown.
constexpr double kLongestWindow = 3;

void add_window(GpuTotals& totals, const GpuSample& sample, double window_s) {
  for (const MetricRow& row : metric_rows()) {
    const std::optional<double> value = plausible(row, sample[row.metric]);
    if (row.kind != MetricKind::share || !value) continue;
    const auto at = static_cast<std::size_t>(row.metric);
    totals.share_s[at] += *value / 100 * window_s;
    totals.covered_s[at] += window_s;
  }
  if (!sample.throttle_reasons) return;
  for (std::uint64_t bit = 1; bit <= throttle_display; bit <<= 1U) {
    totals.throttled_s[bit] += (*sample.throttle_reasons & bit) != 0 ? window_s : 0;
  }
}

std::optional<double> own_cpu_s() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return std::nullopt;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::optional<std::int64_t> own_memory_bytes() {
  std::ifstream in("/proc/self/statm");
  std::int64_t size_pages = 0, resident_pages = 0;
  if (!(in >> size_pages >> resident_pages)) return std::nullopt;
  return resident_pages * ::sysconf(_SC_PAGESIZE);
}

}  // namespace

bool MonitorView::lost(std::size_t gpu) const {
  return gpus[gpu].stuck_for_s || (gpus[gpu].sample && gpus[gpu].sample->problem) || facts->gpus[gpu].problem;
}

bool MonitorView::stalled() const {
  return last_tick_age_s && *last_tick_age_s > std::max(5.0, 5 * interval_s);
}

ServedState::ServedState(MonitorFacts facts) : facts_(std::make_shared<const MonitorFacts>(std::move(facts))) {
  view_.facts = facts_;
  view_.gpus.resize(facts_->gpus.size());
}

void ServedState::on_tick(const Tick& tick) {
  const std::scoped_lock lock(mutex_);
  for (std::size_t i = 0; i < std::min(tick.gpus.size(), view_.gpus.size()); ++i) {
    ServedGpu& gpu = view_.gpus[i];
    gpu.stuck_for_s = tick.gpus[i].stuck_for_s;
    const std::optional<GpuSample>& sample = tick.gpus[i].sample;
    if (!sample) {
      if (gpu.stuck_for_s) gpu.sample.reset();  // a card whose call hangs shows no values, old ones least of all
      continue;
    }
    if (gpu.sample) {
      const double window_s = std::clamp(sample->time_s - gpu.sample->time_s, 0.0, kLongestWindow * tick.interval_s);
      add_window(gpu.totals, *sample, window_s);
    }
    gpu.sample = sample;
  }
  view_.host = tick.host;
  view_.program = tick.program;
  view_.ticks += 1;
  view_.missed = tick.missed;
  view_.interval_s = tick.interval_s;
  view_.unix_ms = tick.unix_ms;
  last_tick_s_ = tick.time_s;
}

MonitorView ServedState::view() const {
  MonitorView view;
  {
    const std::scoped_lock lock(mutex_);
    view = view_;
    if (view.ticks > 0) view.last_tick_age_s = std::max(0.0, steady_seconds() - last_tick_s_);
  }
  view.own_cpu_s = own_cpu_s();
  view.own_memory_bytes = own_memory_bytes();
  return view;
}

}  // namespace wring::serve
