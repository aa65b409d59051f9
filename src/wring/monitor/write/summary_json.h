#pragma once
#include <nlohmann/json_fwd.hpp>

#include "wring/findings/judged_summary.h"

namespace wring {

inline constexpr const char* kSummarySchema = "wring.monitor.summary/1";

// Everything that is in the summary. What is missing is null; texts are in `language`. `complete`: the run has ended,
// this is no checkpoint.
nlohmann::ordered_json summary_json(const JudgedSummary& summary, Language language, bool complete);

}  // namespace wring
