#pragma once
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace wring {

// The number at the text's beginning, whatever follows. As std::from_chars reads it: decimal, without blanks or a plus
// before it; one that does not fit is none, and a double may be infinite or nan.
template <typename Number>
std::optional<Number> parse_leading(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

// The number that the whole text is.
template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

// The number that the whole text is as C reads it: also with blanks or a plus before it and in hexadecimal digits; one
// that is too large is infinite.
inline std::optional<double> parse_c_number(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  const bool whole = !text.empty() && end == text.c_str() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

}  // namespace wring
