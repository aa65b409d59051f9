#include <cstdint>
#include <optional>

#include <fmt/format.h>

#include "wring/findings/diagnosis.h"
#include "wring/findings/evidence.h"
#include "wring/findings/program.h"
#include "wring/findings/rules/rules.h"

namespace wring::rules {
namespace {

// A power cap that is touched now and then costs nothing that can be measured. At full load many cards run at it all
// the time (an H200 that trains EDSR 128×12: 87 % of the time, at 1966 of 1980 MHz), so it stands behind what the load
// is.
constexpr double kPowerLine = 20;
// Heat is never wanted: the clocks fall far below what the power cap leaves.
constexpr double kHeatLine = 5;
// NVML's manual: a slowdown by heat halves the clocks, or takes more.
constexpr double kHeatTakes = 0.5;
constexpr std::int64_t kFewReadings = 3;

}  // namespace

std::optional<Finding> power_throttled(const Features& f) {
  if (f.power_throttled < kPowerLine) return std::nullopt;
  const bool full_load = compute_bound(f) || memory_bandwidth_bound(f);
  return Finding{
      "power_throttled",
      {"power-throttled: the power limit holds the clocks down", "功耗降频：功耗上限压低了频率"},
      Measured()
          .add("throttled", "降频时间", f.power_throttled)
          .add("power of limit", "功耗占上限", f.power_of_limit)
          .text(),
      {"clocks held down by the power limit ≥ {} % of the time", "因功耗上限降频的时间 ≥ {}%", kPowerLine},
      full_load ? 0.4 : 0.6 + 0.4 * f.power_throttled / 100,
      {"see nvidia-smi -q -d POWER: raise the limit where it was lowered (nvidia-smi -pl, needs root); at "
       "the card's own limit this is normal under full load",
       "查看 nvidia-smi -q -d POWER：若上限被调低可调回（nvidia-smi -pl，需 root）；若已是显卡自身上限，满载时属正常"},
      {}};
}

std::optional<Finding> heat_throttled(const Features& f) {
  if (f.heat_throttled < kHeatLine) return std::nullopt;
  return Finding{
      "thermally_throttled",
      {"heat-throttled: the card is too hot for its clocks", "过热降频：显卡温度过高"},
      Measured()
          .add("throttled", "降频时间", f.heat_throttled)
          .add("temperature up to", "最高温度", f.temperature_max_c, " °C")
          .text(),
      {"clocks held down by heat ≥ {} % of the time", "因过热降频的时间 ≥ {}%", kHeatLine},
      0.9,
      {"improve the cooling: dust, fans, air flow, room temperature; or lower the power limit (nvidia-smi -pl)",
       "改善散热：清灰、风扇、风道、室温；或降低功耗上限（nvidia-smi -pl）"},
      {}};
}

void throttled(Diagnosis& diagnosis) {
  const DiagnosisInput& in = diagnosis.input();
  if (!in.throttled_percent) return;
  const bool heat = in.throttled_by_heat.value_or(false);
  const double line = heat ? kHeatLine : kPowerLine;
  if (*in.throttled_percent < line) return;
  // At full load many cards run at their power cap all the time and lose a few per cent; heat costs more.
  const double cost = heat ? *in.throttled_percent / 2 : 1;
  diagnosis.add("throttled", {"throttled: the clocks are held down", "被降频：时钟频率受到限制"}, cost,
                confidence_of(*in.throttled_percent, line, heat ? 40 : 100),
                {"clocks held down {:.0f} % of the time by {}", "{:.0f}% 的时间因{}被降频", *in.throttled_percent,
                 heat ? Text{"heat", "温度"} : Text{"the power cap", "功耗上限"}},
                {"from {:.0f} % of the time on by heat, from {:.0f} % by power",
                 "温度降频占比达 {:.0f}%，或功耗降频占比达 {:.0f}%", kHeatLine, kPowerLine},
                heat ? Text("better cooling: no key of the config helps", "改善散热：没有可用的配置项")
                     : Text("usual at full load; a higher power limit is the administrator's",
                            "满载时常见；功耗上限由管理员设置"));
}

// Of a program: heat alone. A power cap is what most cards run at under full load, and costs a few per cent.
void throttled(ProgramDiagnosis& diagnosis) {
  const ProgramInput& in = diagnosis.input();
  if (!in.seen.card || !in.seen.card->throttled_by_heat || in.seen.card->readings < kFewReadings) return;
  const double held_percent = *in.seen.card->throttled_by_heat;
  if (held_percent < kHeatLine) return;
  ProgramFinding& found = diagnosis.add(
      "throttled", {"heat holds the clocks down {:.0f} % of the time", "{:.0f}% 的时间因过热降频", held_percent},
      in.shares.computing_ms * held_percent / 100 * kHeatTakes, confidence_of(held_percent, kHeatLine, 40),
      Measured()
          .add("held down by heat", "过热降频", in.seen.card->throttled_by_heat)
          .add("SM clock", "SM频率", in.seen.card->sm_clock_mhz, " MHz")
          .add("power", "功耗", in.seen.card->power_w, " W")
          .text(),
      {"clocks held down by heat ≥ {} % of the readings", "因过热降频的读数 ≥ {}%", kHeatLine});
  found.finding.next_step = {"better cooling: dust, fans, air flow; no change of the program helps",
                             "改善散热：清灰、风扇、风道；改程序没有用"};
}

}  // namespace wring::rules
