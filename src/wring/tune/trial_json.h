#pragma once
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "wring/trial/trial.h"

namespace wring {

std::string_view outcome_key(TrialOutcome outcome);  // "ok", "oom", "error", "hang", "killed", "cut_off"
std::string_view data_key(TrialData data);           // "real", "resident", "loader"

// The whole of a request and of a result, the supervisor's own fields included: what is absent is left out.
nlohmann::json request_json(const TrialRequest& request);
nlohmann::json kernels_json(const std::vector<KernelKindTime>& kernels);
nlohmann::json arithmetic_json(const TrialArithmetic& arithmetic);  // without what is absent
nlohmann::json result_json(const TrialResult& result);

// The way back. Throws Error{failed} naming the field for a wrong type or an unknown name.
TrialRequest request_from_json(const nlohmann::json& json);
TrialResult result_from_json(const nlohmann::json& json);

}  // namespace wring
