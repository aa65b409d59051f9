#include "wring_train/measure/step_timing.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "wring/tune/statistics.h"

namespace wring {
namespace {

constexpr int kMostSteps = 50;
constexpr double kGroupMs = 30;
constexpr std::size_t kFewestForInterval = 6;  // 1 - 2 · 0.5⁶ is the first above 95 %

std::vector<double> sorted(std::span<const double> values) {
  std::vector<double> copy(values.begin(), values.end());
  std::ranges::sort(copy);
  return copy;
}

}  // namespace

int steps_between_looks(double step_ms, int fewest) {
  const double steps = kGroupMs / std::max(step_ms, 1e-3);
  return std::clamp(static_cast<int>(std::min<double>(steps, kMostSteps)), fewest, kMostSteps);
}

double relative_half_width(std::span<const double> values) {
  if (values.size() < kFewestForInterval) return 1;
  const std::vector<double> in_order = sorted(values);
  const auto n = static_cast<double>(in_order.size());
  // The number of values below the median is binomial(n, 1/2): its normal approximation gives the ranks.
  const double reach = 1.96 * std::sqrt(n) / 2;
  const auto low = static_cast<std::size_t>(std::max(0.0, std::floor(n / 2 - reach)));
  const auto high = static_cast<std::size_t>(std::min(n - 1, std::ceil(n / 2 + reach)));
  const double median = median_of(values);
  return median > 0 ? (in_order[high] - in_order[low]) / 2 / median : 1;
}

StepTimes step_times(std::span<const double> step_ms, std::int64_t steps) {
  StepTimes times;
  times.n = steps;
  if (step_ms.empty()) return times;
  times.median = median_of(step_ms);
  times.mad = mad_of(step_ms);
  const std::vector<double> in_order = sorted(step_ms);
  times.p95 = in_order[std::min(in_order.size() - 1, in_order.size() * 95 / 100)];
  return times;
}

double timed_ms(int steps, const std::function<void(int steps)>& run, const std::function<void()>& wait) {
  const auto began = std::chrono::steady_clock::now();
  run(steps);
  wait();
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
  return took.count() / steps;
}

}  // namespace wring
