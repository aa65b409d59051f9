#pragma once
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

namespace wring {

// The value as JSON, null where there is none.
template <typename Value>
nlohmann::ordered_json or_null(const std::optional<Value>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

// Rounded to a thousandth, which is beyond what any reading knows; null where there is none, or none that is finite.
inline nlohmann::ordered_json json_number(std::optional<double> value) {
  if (!value || !std::isfinite(*value)) return {};
  return std::round(*value * 1000) / 1000;
}

}  // namespace wring
