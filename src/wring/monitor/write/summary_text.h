#pragma once
#include <string>

#include "wring/findings/judged_summary.h"
#include "wring/monitor/write/tick_format.h"

namespace wring {

// The mean GPU-Util from which on the summary's line is the guide's "✅".
inline constexpr double kGoodGpuUtil = 70;

// The guide's five lines: several cards in one number each, means over the cards and the largest peak. Without a card
// they tell of the computer.
std::string summary_headline(const JudgedSummary& summary, TextStyle style);

// A table for each card, what was lost or throttled, the verdicts, the computer.
std::string summary_details(const JudgedSummary& summary, TextStyle style);

}  // namespace wring
