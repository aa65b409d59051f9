#include "wring/monitor/serve/plot_history.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace wring::serve {
namespace {

constexpr double kShortestPointS = 1;

float mean(double sum, double count) {
  return count > 0 ? static_cast<float>(sum / count) : std::numeric_limits<float>::quiet_NaN();
}

}  // namespace

void PlotHistory::add(const Tick& tick) {
  sums_.resize(gpu_count_);
  counts_.resize(gpu_count_);
  for (std::size_t i = 0; i < std::min(gpu_count_, tick.gpus.size()); ++i) {
    if (!tick.gpus[i].sample) continue;
    for (const MetricRow& row : metric_rows()) {
      const std::optional<double> value = plausible(row, (*tick.gpus[i].sample)[row.metric]);
      if (!value) continue;
      sums_[i][static_cast<std::size_t>(row.metric)] += *value;
      counts_[i][static_cast<std::size_t>(row.metric)] += 1;
    }
  }
  const std::array<std::optional<double>, host_series> host = {tick.host.cpu_percent, tick.host.iowait_percent};
  for (std::size_t i = 0; i < host_series; ++i) {
    if (!host[i]) continue;
    host_sums_[i] += *host[i];
    host_counts_[i] += 1;
  }
}

PlotHistory::Point PlotHistory::finish(std::int64_t unix_ms) {
  Point point;
  point.unix_ms = unix_ms;
  point.gpus.resize(gpu_count_);
  for (std::size_t i = 0; i < gpu_count_; ++i) {
    std::ranges::transform(sums_[i], counts_[i], point.gpus[i].begin(), mean);
  }
  std::ranges::transform(host_sums_, host_counts_, point.host.begin(), mean);
  sums_.clear();
  counts_.clear();
  host_sums_ = {};
  host_counts_ = {};
  ticks_in_point_ = 0;
  return point;
}

void PlotHistory::on_tick(const Tick& tick) {
  add(tick);
  if (++ticks_in_point_ * tick.interval_s < kShortestPointS - tick.interval_s / 2) return;
  Point point = finish(tick.unix_ms);
  const std::scoped_lock lock(mutex_);
  points_.push_back(std::move(point));
  if (points_.size() > capacity_) points_.pop_front();
}

std::vector<PlotHistory::Point> PlotHistory::last(double seconds) const {
  const std::scoped_lock lock(mutex_);
  if (points_.empty()) return {};
  const auto from_ms = static_cast<double>(points_.back().unix_ms) - seconds * 1000;
  const auto first = std::ranges::find_if(
      points_, [from_ms](const Point& point) { return static_cast<double>(point.unix_ms) >= from_ms; });
  return {first, points_.end()};
}

}  // namespace wring::serve
