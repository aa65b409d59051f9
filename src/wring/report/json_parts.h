#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "wring/plan/planner.h"
#include "wring/plan/run_length.h"

namespace wring {

// What the JSON of a plan and of a tuning record have in common.

// YAML text: numbers, booleans and null as such, everything else as a string.
nlohmann::ordered_json value_json(const std::string& yaml);

nlohmann::ordered_json change_json(const Change& change, Language language);

// The members of a whole run's length: total_iters, samples_per_step, samples, pixels.
nlohmann::ordered_json run_json(const RunLength& run);

}  // namespace wring
