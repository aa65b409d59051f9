#pragma once
#include <memory>

#include "wring/cli/tuning_session.h"

namespace wring {

// What runs the trials of a session. `stop` ends a trial that runs now.

// wring-train, as a worker. Throws Error{failed} with the cure where there is none.
std::unique_ptr<TrialRunner> worker_trials(const TuningOptions& options, StopRequest& stop);

// The user's own program. Throws Error{usage} for a command or an expression that cannot be.
std::unique_ptr<TrialRunner> command_trials(const TuningOptions& options, StopRequest& stop);

}  // namespace wring
