#include <algorithm>

#include <fmt/format.h>

#include "wring/findings/diagnosis_rules.h"
#include "wring/tune/lines.h"
#include "wring/tune/search/words.h"

namespace wring {
namespace {

namespace limit = diagnosis_thresholds;

}  // namespace

void DiagnosisRules::too_small() {
  if (!ran(in_.larger) || !ran(in_.resident) || !in_.larger_batch) return;
  const double gain = percent(*in_.larger->samples_per_s / *in_.resident->samples_per_s - 1);
  if (gain < limit::larger_gain) return;
  Finding& found = add("too_small", percent(1 - 1 / (1 + gain / 100)), confidence_of(gain, limit::larger_gain, 60),
                       {fmt::format("batch {} makes {} samples/s, batch {} {} ({} % more)", in_.config.batch_size,
                                    rate_figure(in_.resident->samples_per_s), *in_.larger_batch,
                                    rate_figure(in_.larger->samples_per_s), percent_figure(gain / 100)),
                        fmt::format("batch {} 为 {} samples/s，batch {} 为 {}（快 {}%）", in_.config.batch_size,
                                    rate_figure(in_.resident->samples_per_s), *in_.larger_batch,
                                    rate_figure(in_.larger->samples_per_s), percent_figure(gain / 100))},
                       {fmt::format("a larger batch gains {:.0f} % or more per sample", limit::larger_gain),
                        fmt::format("更大的 batch 每样本提速 {:.0f}% 以上", limit::larger_gain)},
                       {fmt::format("batch_size={}; wring benchmark finds the best one", *in_.larger_batch),
                        fmt::format("batch_size={}；wring benchmark 可找到最佳值", *in_.larger_batch)});
  const auto peak = measured_peak_mib(in_.larger->memory);
  const auto capacity = device_capacity_mib(in_.larger->memory);
  const bool full =
      peak && capacity && static_cast<double>(*peak) > limit::memory_full / 100 * static_cast<double>(*capacity);
  if (!full) {
    found.fix.push_back({"batch_size", std::to_string(*in_.larger_batch)});
    return;
  }
  found.next_step = {
      fmt::format("batch {} leaves less than {:.0f} % of the memory: wring benchmark finds one that fits",
                  *in_.larger_batch, 100 - limit::memory_full),
      fmt::format("batch {} 剩余显存不足 {:.0f}%：请用 wring benchmark 寻找合适的大小", *in_.larger_batch,
                  100 - limit::memory_full)};
}

void DiagnosisRules::precision_bound() {
  if (in_.config.use_mixed_precision || !ran(in_.mixed) || !ran(in_.resident)) return;
  const double gain = percent(*in_.mixed->samples_per_s / *in_.resident->samples_per_s - 1);
  if (gain < limit::mixed_gain) return;
  Finding& found =
      add("precision_bound", percent(1 - 1 / (1 + gain / 100)), confidence_of(gain, limit::mixed_gain, 60),
          {fmt::format("in 32 bits the step makes {} samples/s, in 16 {} ({} % more)",
                       rate_figure(in_.resident->samples_per_s), rate_figure(in_.mixed->samples_per_s),
                       percent_figure(gain / 100)),
           fmt::format("32 位下每步 {} samples/s，16 位下 {}（快 {}%）", rate_figure(in_.resident->samples_per_s),
                       rate_figure(in_.mixed->samples_per_s), percent_figure(gain / 100))},
          {fmt::format("16-bit arithmetic gains {:.0f} % or more on a resident batch", limit::mixed_gain),
           fmt::format("数据常驻时 16 位运算提速 {:.0f}% 以上", limit::mixed_gain)},
          {"compute in 16 bits and keep the weights in 32: use_mixed_precision=true",
           "用 16 位计算、32 位保存权重：use_mixed_precision=true"});
  found.fix.push_back({"use_mixed_precision", "true"});
}

void DiagnosisRules::throttled() {
  if (!in_.throttled_percent) return;
  const bool heat = in_.throttled_by_heat.value_or(false);
  const double line = heat ? limit::heat_throttled : limit::throttled;
  if (*in_.throttled_percent < line) return;
  // At full load many cards run at their power cap all the time and lose a few per cent; heat costs more.
  const double cost = heat ? *in_.throttled_percent / 2 : 1;
  add("throttled", cost, confidence_of(*in_.throttled_percent, line, heat ? 40 : 100),
      {fmt::format("clocks held down {:.0f} % of the time by {}", *in_.throttled_percent,
                   heat ? "heat" : "the power cap"),
       fmt::format("{:.0f}% 的时间因{}被降频", *in_.throttled_percent, heat ? "温度" : "功耗上限")},
      {fmt::format("from {:.0f} % of the time on by heat, from {:.0f} % by power", limit::heat_throttled,
                   limit::throttled),
       fmt::format("温度降频占比达 {:.0f}%，或功耗降频占比达 {:.0f}%", limit::heat_throttled, limit::throttled)},
      heat ? Text("better cooling: no key of the config helps", "改善散热：没有可用的配置项")
           : Text("usual at full load; a higher power limit is the administrator's",
                  "满载时常见；功耗上限由管理员设置"));
}

void DiagnosisRules::memory_bandwidth_bound() {
  const Percent dram = load().dram_activity;
  const Percent tensor = load().tensor_activity;
  if (!dram || *dram < limit::dram_bound || (tensor && *tensor >= limit::tensor_busy)) return;
  if (const auto found = attained(); found && found->share_percent >= limit::attained) return;
  Finding& found = add(
      "memory_bandwidth_bound", own_share(), confidence_of(*dram, limit::dram_bound, 90), arithmetic_and_activity(),
      {fmt::format("DRAM activity {:.0f} % or more, tensor activity below {:.0f} %", limit::dram_bound,
                   limit::tensor_busy),
       fmt::format("显存带宽活跃度不低于 {:.0f}%，张量核心活跃度低于 {:.0f}%", limit::dram_bound, limit::tensor_busy)},
      {"fused layers (compile_model) and 16-bit tensors move less", "融合层（compile_model）与 16 位张量可减少访存"});
  if (!in_.config.use_mixed_precision) found.fix.push_back({"use_mixed_precision", "true"});
  if (!in_.config.channels_last) found.fix.push_back({"channels_last", "true"});
  if (!fast_engine_wanted(in_.config)) found.fix.push_back({"compile_model", "true"});
}

double DiagnosisRules::own_share() const {
  double lost = 0;
  for (const Weighed& one : found_) lost = std::max(lost, one.cost);
  return lost >= limit::gap ? 0 : 100 - lost;
}

Text DiagnosisRules::activity() const {
  Text text;
  const auto say = [&](const char* en, const char* zh, const Percent& value) {
    if (!value) return;
    text.en += (text.en.empty() ? "" : ", ") + fmt::format("{} {:.0f} %", en, *value);
    text.zh += (text.zh.empty() ? "" : "，") + fmt::format("{} {:.0f}%", zh, *value);
  };
  say("GPU-Util", "GPU 利用率", load().gpu_util);
  say("SM activity", "SM 活跃度", load().sm_activity);
  say("tensor activity", "张量核心活跃度", load().tensor_activity);
  say("DRAM activity", "显存带宽活跃度", load().dram_activity);
  return text;
}

}  // namespace wring
