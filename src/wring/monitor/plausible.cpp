#include "wring/monitor/plausible.h"

#include <algorithm>
#include <cmath>

namespace wring {

std::optional<double> plausible(const MetricRow& row, const Reading& reading) {
  constexpr double rounding = 0.5;  // per cent
  if (!reading.ok() || !std::isfinite(reading.value) || reading.value < 0) return std::nullopt;
  if (row.kind != MetricKind::share) return reading.value;
  if (reading.value > 100 + rounding) return std::nullopt;
  return std::min(reading.value, 100.0);
}

}  // namespace wring
