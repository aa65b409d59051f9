#pragma once
#include <optional>
#include <vector>

#include "wring/findings/finding.h"
#include "wring/findings/straggler.h"
#include "wring/telemetry/summary.h"

namespace wring {

// What a summary says of one card.
struct CardFindings {
  std::vector<Finding> verdicts;  // on the steady part, most certain first; empty below 20 s of it
  Text no_verdict;                // why there are none
};

// A summary with what the rules find in it.
struct JudgedSummary : Summary {
  std::vector<CardFindings> findings;  // as gpus
  std::optional<RunSummary> run;       // that is watched with the machine
};

JudgedSummary judged(Summary summary);

}  // namespace wring
