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

inline constexpr std::uint64_t kThrottleByPower = throttle_power_cap | throttle_power_brake;
inline constexpr std::uint64_t kThrottleByHeat = throttle_thermal_software | throttle_thermal_hardware;

// One row a reason, in the order of the bits.
std::span<const ThrottleName> throttle_names();

}  // namespace wring
