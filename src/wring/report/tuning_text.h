#pragma once
#include <string>

#include "wring/monitor/tick_format.h"
#include "wring/report/tuning_record.h"

namespace wring {

// A tuning run as text for a terminal or a log, every line ended by a line feed.

// One trial as it ends: batch, rate, step time, memory, GPU-Util, verdict. Lines of several trials stand under each
// other.
std::string trial_line(const RecordedTrial& trial, TextStyle style);

// All trials as a table.
std::string trials_text(const TuningRecord& record, TextStyle style);

// The choice: reason, before and after, head-room, target, changes, findings, notes.
std::string choice_text(const TuningRecord& record, TextStyle style);

}  // namespace wring
