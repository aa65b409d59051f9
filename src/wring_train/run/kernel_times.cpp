#include "wring_train/run/kernel_times.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <torch/csrc/autograd/profiler_kineto.h>

namespace wring {
namespace {

namespace profiler = torch::autograd::profiler;

using Interval = std::pair<std::uint64_t, std::uint64_t>;

std::uint64_t covered(std::vector<Interval> intervals) {
  std::ranges::sort(intervals);
  std::uint64_t total = 0;
  std::uint64_t end = 0;
  for (const auto& [from, to] : intervals) {
    if (to <= end) continue;
    total += to - std::max(from, end);
    end = to;
  }
  return total;
}

}  // namespace

KernelTimes record_kernel_times(int steps, const std::function<void()>& run) {
  const std::set<torch::profiler::impl::ActivityType> activities{torch::profiler::impl::ActivityType::CPU,
                                                                 torch::profiler::impl::ActivityType::CUDA};
  const torch::profiler::impl::ProfilerConfig config(torch::profiler::impl::ProfilerState::KINETO);
  profiler::prepareProfiler(config, activities);
  profiler::enableProfiler(config, activities);
  run();
  const auto result = profiler::disableProfiler();

  std::map<std::string, KernelTime> by_name;
  std::vector<Interval> intervals;
  for (const auto& event : result->events()) {
    if (event.deviceType() != c10::DeviceType::CUDA || event.durationNs() == 0) continue;
    KernelTime& kernel = by_name[event.name()];
    kernel.name = event.name();
    kernel.calls_per_step += 1.0 / steps;
    kernel.us_per_step += static_cast<double>(event.durationNs()) / 1e3 / steps;
    intervals.emplace_back(event.startNs(), event.startNs() + event.durationNs());
  }
  KernelTimes times;
  for (auto& [name, kernel] : by_name) times.kernels.push_back(std::move(kernel));
  std::ranges::sort(times.kernels, std::ranges::greater{}, &KernelTime::us_per_step);
  if (!intervals.empty()) {
    times.busy_us_per_step = static_cast<double>(covered(intervals)) / 1e3 / steps;
    const auto first = std::ranges::min(intervals).first;
    const auto last = std::ranges::max(intervals, {}, &Interval::second).second;
    times.span_us_per_step = static_cast<double>(last - first) / 1e3 / steps;
  }
  return times;
}

std::optional<double> kernel_busy_percent(const KernelTimes& times, double step_ms) {
  if (times.kernels.empty() || step_ms <= 0) return std::nullopt;
  return std::min(100.0, 100 * times.busy_us_per_step / (1000 * step_ms));
}

}  // namespace wring
