#pragma once
#include <cstdint>
#include <functional>
#include <span>

#include "wring/trial/trial.h"

namespace wring {

// Steps between two looks at the clock: few where a step is long, and so many where it is short that waiting for the
// device, which a training loop does not do, no longer shows. At least `fewest`.
int steps_between_looks(double step_ms, int fewest = 1);

// Median, MAD and 95th percentile of `step_ms`, each the mean of `steps` / step_ms.size() steps.
StepTimes step_times(std::span<const double> step_ms, std::int64_t steps);

// The milliseconds a step takes, by running `steps` of them and waiting for the device.
double timed_ms(int steps, const std::function<void(int steps)>& run, const std::function<void()>& wait);

// Runs so many steps, waits for the device, and says how many milliseconds one took. Of several ranks each says what
// the slowest took: the same answers make them run the same steps.
using TimedSteps = std::function<double(int steps)>;

// Runs two steps, then windows of steps until the time of a step no longer changes, at most twice as long as a
// measurement. Returns that time in ms.
double warm_up(const TrialMeasure& measure, const TimedSteps& timed);

// Groups of steps until the median is known well enough and min_steps are done, or until max_seconds are over, with two
// steps at least. `about_ms`: of a step, for the size of a group.
StepTimes measure_steps(const TrialMeasure& measure, double about_ms, const TimedSteps& timed);

}  // namespace wring
