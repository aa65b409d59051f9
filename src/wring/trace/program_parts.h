#pragma once
#include "wring/trace/chrome_trace.h"
#include "wring/trace/intervals.h"
#include "wring/trace/step_window.h"

namespace wring {

// When the thread that steps waited for a batch of a DataLoader.
Cover loader_waits(const Trace& trace, const StepWindow& window);

// When it was at an optimiser's step, each from the last backward pass in it on: a closure runs the model within the
// step.
Cover optimizer_steps(const Trace& trace, const StepWindow& window);

}  // namespace wring
