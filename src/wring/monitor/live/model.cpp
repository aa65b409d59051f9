#include "wring/monitor/live/model.h"

#include <algorithm>

namespace wring::live {
namespace {

// Wider than any terminal in use; more ticks than columns cannot be drawn.
constexpr std::size_t kKept = 512;

// Older than this many intervals, a sample says nothing about now. At least three seconds, because sources have
// windows of their own.
constexpr double kFreshIntervals = 3;
constexpr double kFreshSeconds = 3;

template <typename T>
void keep(std::vector<T>& values, T value) {
  if (values.size() >= 2 * kKept) values.erase(values.begin(), values.end() - static_cast<std::ptrdiff_t>(kKept));
  values.push_back(value);
}

std::optional<float> value_of(const std::optional<GpuSample>& sample, Metric metric) {
  const std::optional<double> value = shown(sample, metric);
  return value ? std::optional(static_cast<float>(*value)) : std::nullopt;
}

// Without what means nothing is wrong: an idle card, clocks that somebody set, a display.
std::uint64_t worth_a_word(std::uint64_t reasons) {
  return reasons & (throttle_power_cap | throttle_hardware | throttle_thermal_software | throttle_thermal_hardware |
                    throttle_power_brake);
}

}  // namespace

std::optional<double> shown(const std::optional<GpuSample>& sample, Metric metric) {
  return sample ? plausible(metric_row(metric), (*sample)[metric]) : std::nullopt;
}

LiveModel::LiveModel(const std::vector<Gpu>& watched) {
  for (const Gpu& gpu : watched) {
    LiveGpu& live = gpus.emplace_back();
    live.gpu = gpu;
    live.problem = gpu.problem;
    if (gpu.memory_total_mib) live.memory_total_mib = static_cast<double>(*gpu.memory_total_mib);
  }
}

void LiveModel::absorb(const Tick& tick) {
  interval_s = tick.interval_s;
  missed = tick.missed;
  host = tick.host;
  keep(times_s, tick.time_s);
  for (std::size_t i = 0; i < gpus.size() && i < tick.gpus.size(); ++i) {
    LiveGpu& gpu = gpus[i];
    const GpuTick& now = tick.gpus[i];
    gpu.stuck_for_s = now.stuck_for_s;
    if (now.sample) {
      gpu.problem = now.sample->problem;
      // The hardware's own bit is also set for a moment when the performance state changes: it counts when it stays.
      const std::uint64_t before = gpu.sample ? gpu.sample->throttle_reasons.value_or(0) : 0;
      const std::uint64_t reasons = worth_a_word(now.sample->throttle_reasons.value_or(0));
      gpu.throttled = reasons & (before | ~std::uint64_t{throttle_hardware});
      gpu.sample = now.sample;
      if (const auto total = shown(now.sample, Metric::memory_total)) gpu.memory_total_mib = total;
      if (const auto limit = shown(now.sample, Metric::power_limit)) gpu.power_limit_w = limit;
    }
    const double fresh_s = std::max(kFreshSeconds, kFreshIntervals * tick.interval_s);
    const bool old = gpu.sample && tick.time_s - gpu.sample->time_s > fresh_s;
    if (old || gpu.stuck_for_s || gpu.problem) {
      gpu.sample.reset();
      gpu.throttled = 0;
    }
    keep(gpu.util, value_of(gpu.sample, Metric::gpu_util));
    keep(gpu.memory_mib, value_of(gpu.sample, Metric::memory_used));
    keep(gpu.power_w, value_of(gpu.sample, Metric::power));
  }
}

}  // namespace wring::live
