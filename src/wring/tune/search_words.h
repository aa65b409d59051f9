#pragma once
#include <string>

#include "wring/base/text.h"
#include "wring/trial/trial.h"

namespace wring {

// Words and figures that the texts of tuning share.

// "out of memory: CUDA out of memory. Tried to …": how a trial failed, with the first line of its own words.
Text failure_text(const TrialResult& result);

// "5120", "87.4", "3.21": samples/s with three digits.
std::string rate_figure(double samples_per_s);

// "3.2", "12": per cent of a share (0.032), without the sign.
std::string percent_figure(double share);

// "batch_size=32, num_workers=8"
std::string assignments_text(const std::vector<Assignment>& set);

}  // namespace wring
