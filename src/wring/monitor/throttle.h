#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "wring/base/text.h"
#include "wring/gpu/telemetry.h"

namespace wring {

struct ThrottleName {
  ThrottleReason bit;
  std::string_view key;  // JSON and Prometheus: "power_cap"
  Text title;
};

// One row a reason, in the order of the bits.
std::span<const ThrottleName> throttle_names();

}  // namespace wring
