#pragma once
#include <optional>

#include "wring/base/text.h"
#include "wring/report/tuning/record.h"

namespace wring {

// Of the whole run's training steps, by the rates that were measured before and after; absent where there is none.
std::optional<double> run_hours_before(const TuningRecord& record);
std::optional<double> run_hours_after(const TuningRecord& record);

// "The whole run: 3.1 h before, 24 min after …", one sentence; empty where its length or its rate is not known.
Text run_text(const TuningRecord& record);

}  // namespace wring
