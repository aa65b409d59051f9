#include "wring/base/duration.h"

#include <cmath>
#include <cstdint>

#include <fmt/format.h>

namespace wring {

std::string format_duration(double seconds) {
  constexpr double kLongest = 1e9;  // 31 years: nothing to forecast
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kLongest) return "?";
  const auto whole = static_cast<std::int64_t>(seconds);
  const std::int64_t minutes = whole / 60;
  const std::int64_t hours = minutes / 60;
  if (hours >= 24) return fmt::format("{}d {:02}:{:02}", hours / 24, hours % 24, minutes % 60);
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes % 60, whole % 60);
  return fmt::format("{}:{:02}", minutes, whole % 60);
}

}  // namespace wring
