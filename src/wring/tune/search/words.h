#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "wring/base/text.h"
#include "wring/trial/trial.h"

namespace wring {

// Words and figures that the texts of tuning share.

// "out of memory", as a user reads it in a table; outcome_key() is for machines.
Text outcome_text(TrialOutcome outcome);

// "out of memory: CUDA out of memory. Tried to …": how a trial failed, with the first line of its own words.
Text failure_text(const TrialResult& result);

// "loading its data": what a trial does, by the name of its phase; another program's own name as it is.
Text phase_text(std::string_view phase);

// "5120", "87.4", "3.21": samples/s with three digits; "–" where there is none.
std::string rate_figure(const std::optional<double>& samples_per_s);

// "3.2", "12": per cent of a share (0.032), without the sign.
std::string percent_figure(double share);

// "batch_size=32, num_workers=8"
std::string assignments_text(const std::vector<Assignment>& set);

}  // namespace wring
