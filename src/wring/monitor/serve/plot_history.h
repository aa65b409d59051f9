#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "wring/telemetry/tick.h"

namespace wring::serve {

// What plots of the past are drawn from: every metric of every card as one float a point, NaN where it is missing. A
// point is a tick, or the mean of a second where ticks come faster, so that an hour of eight cards takes 3 MB.
class PlotHistory : public TickSink {
 public:
  enum HostSeries : std::size_t { host_cpu, host_iowait, host_series };  // per cent

  struct Point {
    std::int64_t unix_ms = 0;
    std::vector<std::array<float, kMetricCount>> gpus;
    std::array<float, host_series> host{};
  };

  explicit PlotHistory(std::size_t gpus, std::size_t capacity = 3600) : gpu_count_(gpus), capacity_(capacity) {}
  void on_tick(const Tick& tick) override;

  // The points of the last `seconds` before the newest one, oldest first. From any thread.
  std::vector<Point> last(double seconds) const;

 private:
  using Sums = std::vector<std::array<double, kMetricCount>>;

  void add(const Tick& tick);
  Point finish(std::int64_t unix_ms);

  const std::size_t gpu_count_;
  const std::size_t capacity_;
  Sums sums_, counts_;
  std::array<double, host_series> host_sums_{}, host_counts_{};
  int ticks_in_point_ = 0;
  mutable std::mutex mutex_;  // of points_; the rest belongs to the sampler's thread
  std::deque<Point> points_;
};

}  // namespace wring::serve
