#include "wring/telemetry/throttle.h"

#include <array>

namespace wring {

std::span<const ThrottleName> throttle_names() {
  static const std::array<ThrottleName, 9> names = {{
      {throttle_idle, "idle", {"idle", "空闲"}},
      {throttle_application_clocks, "application_clocks", {"application clocks", "应用时钟设置"}},
      {throttle_power_cap, "power_cap", {"power cap", "功耗上限"}},
      {throttle_hardware, "hardware", {"hardware slowdown", "硬件降频"}},
      {throttle_sync_boost, "sync_boost", {"sync boost", "同步加速"}},
      {throttle_thermal_software, "thermal_software", {"heat (software)", "过热（软件）"}},
      {throttle_thermal_hardware, "thermal_hardware", {"heat (hardware)", "过热（硬件）"}},
      {throttle_power_brake, "power_brake", {"power brake", "电源制动"}},
      {throttle_display, "display", {"display clocks", "显示时钟"}},
  }};
  return names;
}

}  // namespace wring
