#pragma once
#include <functional>
#include <span>

#include "wring/trial/trial.h"

namespace wring {

// Steps between two looks at the clock: few where a step is long, and so many where it is short that waiting for the
// device, which a training loop does not do, no longer shows. At least `fewest`.
int steps_between_looks(double step_ms, int fewest = 1);

// Half the width of the median's 95 % confidence interval over the median, by order statistics: without assuming a
// distribution. 1 for fewer than six values, which cannot give such an interval.
double relative_half_width(std::span<const double> values);

// Median, MAD and 95th percentile of `step_ms`, each the mean of `steps` / step_ms.size() steps.
StepTimes step_times(std::span<const double> step_ms, std::int64_t steps);

// The milliseconds a step takes, by running `steps` of them and waiting for the device.
double timed_ms(int steps, const std::function<void(int steps)>& run, const std::function<void()>& wait);

}  // namespace wring
