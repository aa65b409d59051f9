#pragma once
#include <optional>
#include <string>
#include <vector>

#include "wring/findings/finding.h"
#include "wring/findings/straggler.h"
#include "wring/telemetry/summary.h"

namespace wring {

// What a summary says of one card.
struct CardFindings {
  std::vector<Finding> verdicts;  // on the steady part, most certain first; empty below 20 s of it
  Text no_verdict;                // why there are none
  // What holds back the program that computes on the card, where it was seen from inside. It counts over `verdicts`:
  // it measures what a step waits for, and they say what the card showed.
  std::optional<Finding> inside = std::nullopt;
};

// A summary with what the rules find in it.
struct JudgedSummary : Summary {
  std::vector<CardFindings> findings;  // as gpus
  std::optional<RunSummary> run;       // that is watched with the machine
};

JudgedSummary judged(Summary summary);

// The first cause that was found in a process of the program that is watched.
struct InsideFinding {
  std::string device_uuid;  // of the card that it computes on; "" where that is not known
  Finding finding;
  double share = 0;  // of a step that it gives back at most, in per cent
};

// Sets `inside` of each card: of the processes on it, what gives back most. One whose card is not known is on each that
// is not idle.
void add_inside(JudgedSummary& summary, const std::vector<InsideFinding>& processes);

}  // namespace wring
