#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "wring/plan/planner.h"
#include "wring/plan/run_length.h"

namespace wring {

// What the JSON of a plan and of a tuning record have in common.

template <typename T>
nlohmann::ordered_json or_null(const std::optional<T>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

// YAML text: numbers, booleans and null as such, everything else as a string.
nlohmann::ordered_json value_json(const std::string& yaml);

nlohmann::ordered_json change_json(const Change& change, Language language);

// The members of a whole run's length: total_iters, samples_per_step, samples, pixels.
nlohmann::ordered_json run_json(const RunLength& run);

}  // namespace wring
