#include "wring/monitor/live/words.h"

#include <array>

#include <fmt/format.h>

#include "wring/base/duration.h"

namespace wring::live {
namespace {

constexpr double kMibPerGib = 1024;

struct ThrottleWords {
  std::uint64_t bit;
  Text words;
};

const std::array<ThrottleWords, 5>& throttle_table() {
  static const std::array<ThrottleWords, 5> table = {{
      {throttle_thermal_hardware, {"too hot: clocks cut by hardware", "过热：硬件降频"}},
      {throttle_power_brake, {"power brake", "外部供电限制"}},
      {throttle_thermal_software, {"hot: clocks lowered", "温度高：降频"}},
      {throttle_hardware, {"hardware slowdown", "硬件降频"}},
      {throttle_power_cap, {"at its power limit", "达到功耗上限"}},
  }};
  return table;
}

}  // namespace

std::string percent(std::optional<double> value) {
  return value ? fmt::format("{:.0f} %", *value) : "n/a";
}

std::string gib(std::optional<double> mib) {
  if (!mib) return "n/a";
  const double value = *mib / kMibPerGib;
  return value < 99.95 ? fmt::format("{:.1f}", value) : fmt::format("{:.0f}", value);
}

std::string amount(std::optional<double> mib) {
  return mib && *mib < kMibPerGib ? fmt::format("{:.0f} MiB", *mib) : gib(mib) + (mib ? " GiB" : "");
}

std::string memory_of(std::optional<double> used_mib, std::optional<double> total_mib) {
  if (!used_mib && !total_mib) return "n/a";
  if (!total_mib) return gib(used_mib) + " GiB";
  return gib(used_mib) + "/" + gib(total_mib) + " GiB";
}

std::string rate(std::optional<double> mib_s) {
  if (!mib_s) return "";
  if (*mib_s >= 999.5) return fmt::format("{:.1f} GiB/s", *mib_s / kMibPerGib);
  return fmt::format("{:.0f} MiB/s", *mib_s);
}

std::string rounded(std::optional<double> value, const char* unit) {
  return value ? fmt::format("{:.0f} {}", *value, unit) : "";
}

Text throttle_words(std::uint64_t reasons) {
  Text words;
  for (const ThrottleWords& row : throttle_table()) {
    if ((reasons & row.bit) == 0) continue;
    words.append({", ", "，"}, row.words);
  }
  return words;
}

Style throttle_style(std::uint64_t reasons) {
  return (reasons & ~std::uint64_t{throttle_power_cap}) != 0 ? Style::bad : Style::warn;
}

std::optional<Text> trouble_of(const LiveGpu& gpu) {
  if (gpu.problem) return gpu.problem->what;
  if (gpu.stuck_for_s) {
    const std::string time = format_duration(*gpu.stuck_for_s);
    return Text("the driver call has not come back for " + time, "驱动调用已 " + time + " 未返回");
  }
  if (!gpu.sample) return Text("no values yet", "尚无数据");
  return std::nullopt;
}

Style util_style(double percent) {
  return percent >= 70 ? Style::good : percent >= 30 ? Style::warn : Style::bad;
}

Style memory_style(double share) {
  return share >= 0.97 ? Style::bad : share >= 0.9 ? Style::warn : Style::memory;
}

Style temperature_style(double celsius) {
  return celsius >= 85 ? Style::bad : celsius >= 75 ? Style::warn : Style::plain;
}

Style host_style(std::optional<double> percent, double warn_from) {
  return percent && *percent >= warn_from ? Style::warn : Style::plain;
}

}  // namespace wring::live
