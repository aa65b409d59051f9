#pragma once
#include <functional>
#include <memory>

#include "wring/cli/tuning_session.h"
#include "wring/trial/utilisation.h"

namespace wring {

// What runs the trials of a session: wring-train as a worker, or the user's own program. `cancelled` is asked while a
// trial runs; true ends it. Throws Error: no wring-train (with the cure), a command or an expression that cannot be.
std::unique_ptr<TrialRunner> make_trial_runner(const TuningOptions& options, std::shared_ptr<UtilisationMeter> meter,
                                               std::function<bool()> cancelled);

}  // namespace wring
