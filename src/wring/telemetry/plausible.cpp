#include "wring/telemetry/plausible.h"

namespace wring {

std::optional<double> plausible(const MetricRow& row, const Reading& reading) {
  constexpr double rounding = 0.5;  // per cent
  if (!reading.ok()) return std::nullopt;
  const bool share = row.kind == MetricKind::share;
  if (share && reading.value > 100 && reading.value <= 100 + rounding) return 100.0;
  return is_possible(row.metric, reading.value) ? std::optional(reading.value) : std::nullopt;
}

}  // namespace wring
