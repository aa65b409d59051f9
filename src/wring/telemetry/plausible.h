#pragma once
#include <optional>

#include "wring/gpu/metrics.h"

namespace wring {

// The reading where it can be true: drivers have answered 4294967295 % and not-a-number. A share that is above 100 by
// no more than the driver's rounding is 100. Everything that shows, writes or averages readings takes them through
// this.
std::optional<double> plausible(const MetricRow& row, const Reading& reading);

}  // namespace wring
