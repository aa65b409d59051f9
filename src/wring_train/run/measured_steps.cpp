#include "wring_train/run/measured_steps.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "wring_train/run/step_timing.h"

namespace wring {
namespace {

using Clock = std::chrono::steady_clock;

// The warm-up ends when two windows in turn differ by less than this, or when this many times max_seconds are over.
constexpr double kStable = 0.05;
constexpr double kLongestWarmup = 2;
constexpr double kWindowMs = 100;
constexpr int kLongestWindow = 50;

double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

}  // namespace

double warm_up(const TrialMeasure& measure, const TimedSteps& timed) {
  const auto began = Clock::now();
  timed(1);  // compiles, captures, tries algorithms
  double before = timed(1);
  int window = std::clamp(static_cast<int>(kWindowMs / std::max(before, 1e-3)), 1, kLongestWindow);
  for (double now = timed(window); seconds_since(began) < kLongestWarmup * measure.max_seconds; now = timed(window)) {
    if (std::abs(now - before) <= kStable * before) return now;
    before = now;
    window = std::clamp(static_cast<int>(kWindowMs / std::max(now, 1e-3)), 1, kLongestWindow);
  }
  return before;
}

StepTimes measure_steps(const TrialMeasure& measure, double about_ms, const TimedSteps& timed) {
  const auto began = Clock::now();
  const int group = steps_between_looks(about_ms);
  std::vector<double> step_ms;
  std::int64_t steps = 0;
  while (true) {
    step_ms.push_back(timed(group));
    steps += group;
    const double seconds = seconds_since(began);
    const bool enough =
        seconds >= measure.min_seconds && steps >= measure.min_steps && relative_half_width(step_ms) <= measure.rel_ci;
    if (enough || (seconds >= measure.max_seconds && steps >= 2)) return step_times(step_ms, steps);
  }
}

}  // namespace wring
