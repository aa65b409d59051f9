#pragma once
#include <string>

#include "wring/monitor/write/tick_format.h"
#include "wring/report/tuning/record.h"

namespace wring {

// A tuning run as text for a terminal or a log, every line ended by a line feed.

// One trial as it ends: batch, rate, step time, memory, GPU-Util, verdict. Lines of several trials stand under each
// other. batch_key: the config's key for the batch, which is not repeated among the settings.
std::string trial_line(const RecordedTrial& trial, TextStyle style, const std::string& batch_key = "batch_size");

// What was measured, as a table by settings and batch: trials that asked for the same are one row with their median.
std::string trials_text(const TuningRecord& record, TextStyle style);

// The choice: reason, before and after, head-room, target, changes, findings, notes.
std::string choice_text(const TuningRecord& record, TextStyle style);

}  // namespace wring
