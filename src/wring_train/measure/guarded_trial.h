#pragma once
#include <functional>
#include <string>

#include "wring/trial/trial.h"

namespace wring {

TrialResult failed_trial(TrialOutcome outcome, std::string message);

// What `trial` returns, or the outcome of what it throws: oom where memory ran out, of the device or of the host, else
// error.
TrialResult guarded_trial(const std::function<TrialResult()>& trial);

}  // namespace wring
