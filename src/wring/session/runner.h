#pragma once
#include <functional>
#include <memory>
#include <string>

#include "wring/session/options.h"
#include "wring/trial/trial.h"
#include "wring/trial/utilisation.h"

namespace wring {

// What runs the trials of a session: wring-train as a worker, or the user's own program. `cancelled` is asked while a
// trial runs, every 50 ms; true ends it. `on_phase` hears what a trial does. Throws Error: no wring-train (with the
// cure), a command or an expression that cannot be.
std::unique_ptr<TrialRunner> make_trial_runner(const TuningOptions& options, std::shared_ptr<UtilisationMeter> meter,
                                               std::function<bool()> cancelled,
                                               std::function<void(const std::string& phase)> on_phase);

}  // namespace wring
