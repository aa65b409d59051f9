#include "wring_train/measure/measured_steps.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "wring_train/measure/step_timing.h"

namespace wring {
namespace {

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
