#pragma once
#include <functional>

#include "wring/trial/trial.h"

namespace wring {

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
