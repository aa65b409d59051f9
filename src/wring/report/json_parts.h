#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "wring/plan/planner.h"
#include "wring/plan/run_length.h"

namespace wring {

// What the JSON of a plan, of a tuning record and of a diagnosed program have in common.

// null for an empty text.
inline nlohmann::ordered_json text_json(const Text& text, Language language) {
  return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text.in(language));
}

// YAML text: numbers, booleans and null as such, everything else as a string.
nlohmann::ordered_json value_json(const std::string& yaml);

nlohmann::ordered_json change_json(const Change& change, Language language);

// The members of a whole run's length: total_iters, samples_per_step, samples, pixels.
nlohmann::ordered_json run_json(const RunLength& run);

}  // namespace wring
