#include "wring_train/measure/timing.h"

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

// Half the width of the median's 95 % confidence interval over the median, by order statistics: without assuming a
// distribution. 1 for fewer than six values, which cannot give such an interval.
double relative_half_width(std::span<const double> values);
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

// The warm-up ends when two windows in turn differ by less than this, or when this many times max_seconds are over.
constexpr double kStable = 0.05;
constexpr double kLongestWarmup = 2;
constexpr double kWindowMs = 100;
constexpr int kLongestWindow = 50;
// One step alone has no spread.
constexpr int kLeastSteps = 2;

// Adds up what the steps took, and asks no clock of its own: ranks that are told the same times then do the same.
class Tally {
 public:
  explicit Tally(const TimedSteps& timed) : timed_(timed) {}

  double operator()(int steps) {
    const double ms = timed_(steps);
    seconds_ += steps * ms / 1000;
    return ms;
  }
  double seconds() const { return seconds_; }

 private:
  const TimedSteps& timed_;
  double seconds_ = 0;
};

}  // namespace

int steps_between_looks(double step_ms, int fewest) {
  const double steps = kGroupMs / std::max(step_ms, 1e-3);
  return std::clamp(static_cast<int>(std::min<double>(steps, kMostSteps)), fewest, kMostSteps);
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

double warm_up(const TrialMeasure& measure, const TimedSteps& timed) {
  Tally run(timed);
  run(1);  // compiles, captures, tries algorithms
  double before = run(1);
  // Where a step takes seconds, on a CPU, more of them would cost the budget and tell nothing new.
  if (run.seconds() >= kLongestWarmup * measure.max_seconds) return before;
  int window = std::clamp(static_cast<int>(kWindowMs / std::max(before, 1e-3)), 1, kLongestWindow);
  for (double now = run(window); run.seconds() < kLongestWarmup * measure.max_seconds; now = run(window)) {
    if (std::abs(now - before) <= kStable * before) return now;
    before = now;
    window = std::clamp(static_cast<int>(kWindowMs / std::max(now, 1e-3)), 1, kLongestWindow);
  }
  return before;
}

StepTimes measure_steps(const TrialMeasure& measure, double about_ms, const TimedSteps& timed) {
  Tally run(timed);
  const int group = steps_between_looks(about_ms);
  std::vector<double> step_ms;
  std::int64_t steps = 0;
  while (true) {
    step_ms.push_back(run(group));
    steps += group;
    const bool enough = run.seconds() >= measure.min_seconds && steps >= measure.min_steps &&
                        relative_half_width(step_ms) <= measure.rel_ci;
    if (enough || (run.seconds() >= measure.max_seconds && steps >= kLeastSteps)) return step_times(step_ms, steps);
  }
}

}  // namespace wring
