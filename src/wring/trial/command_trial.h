#pragma once
#include <cstdint>
#include <optional>

#include "wring/process/child_pipes.h"
#include "wring/trial/command_options.h"
#include "wring/trial/printed_rates.h"

namespace wring {

// One run of a program that CommandRunner has started as `child`, until its rate is known and it has ended. `pattern`:
// null where it speaks the protocol. `batch`: of its config, where that is a number. Throws as CommandRunner::run does;
// the child is then the caller's to kill.
TrialResult run_command_trial(const CommandOptions& options, const RatePattern* pattern, const TrialRequest& request,
                              std::optional<std::int64_t> batch, ChildPipes& child);

}  // namespace wring
