#pragma once
#include <string>

#include "wring/report/tuning/record.h"

namespace wring {

// The record as one JSON object (docs/benchmark.md names its members); what was not measured is null. Texts are in the
// language. indent: spaces a level; -1: one line.
std::string tuning_json(const TuningRecord& record, Language language, int indent = 2);

}  // namespace wring
