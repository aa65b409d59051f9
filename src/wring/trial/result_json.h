#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "wring/trial/json_fields.h"
#include "wring/trial/trial.h"

namespace wring {

// Where a result is written to, or read from.
enum class TrialForm {
  line,    // of the protocol: what a worker can know
  kept,    // for a later search: the supervisor's own readings included
  record,  // for reports: as kept, null for what is absent; of a trial that failed no rate, for none is not 0
};

std::string_view outcome_key(TrialOutcome outcome);  // "ok", "oom", "error", "hang", "killed", "cut_off"
std::string_view data_key(TrialData data);           // "real", "resident", "loader"

nlohmann::ordered_json measure_json(const TrialMeasure& measure);
nlohmann::ordered_json result_json(const TrialResult& result, TrialForm form);

// The way back. Throws Error{failed} naming the field for a wrong type, a value out of range or an unknown name.
TrialMeasure read_measure(const JsonFields& fields);
TrialResult read_result(const JsonFields& fields, TrialForm form);

}  // namespace wring
