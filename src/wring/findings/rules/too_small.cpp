#include <fmt/format.h>

#include "wring/findings/diagnosis.h"
#include "wring/findings/rules/rules.h"
#include "wring/tune/lines.h"
#include "wring/tune/search/words.h"

namespace wring::rules {
namespace {

// Doubling a batch that fills the card gains less than ε; three times that is no noise.
constexpr double kLargerGain = 10;
constexpr double kMemoryFull = 90;  // TensorBoard's profiler's line: above it no larger batch is suggested

}  // namespace

void too_small(Diagnosis& diagnosis) {
  const DiagnosisInput& in = diagnosis.input();
  if (!ran(in.larger) || !ran(in.resident) || !in.larger_batch) return;
  const double gain = percent(*in.larger->samples_per_s / *in.resident->samples_per_s - 1);
  if (gain < kLargerGain) return;
  Finding& found = diagnosis.add(
      "too_small",
      {"too small to fill the GPU: a larger batch costs almost nothing",
       "任务太小，填不满 GPU：更大的 batch 几乎不花时间"},
      percent(1 - 1 / (1 + gain / 100)), confidence_of(gain, kLargerGain, 60),
      {"batch {} makes {} samples/s, batch {} {} ({} % more)", "batch {} 为 {} samples/s，batch {} 为 {}（快 {}%）",
       in.config.batch_size, rate_figure(in.resident->samples_per_s), *in.larger_batch,
       rate_figure(in.larger->samples_per_s), percent_figure(gain / 100)},
      {"a larger batch gains {:.0f} % or more per sample", "更大的 batch 每样本提速 {:.0f}% 以上", kLargerGain},
      {"batch_size={}; wring benchmark finds the best one", "batch_size={}；wring benchmark 可找到最佳值",
       *in.larger_batch});
  const auto peak = measured_peak_mib(in.larger->memory);
  const auto capacity = device_capacity_mib(in.larger->memory);
  const bool full = peak && capacity && static_cast<double>(*peak) > kMemoryFull / 100 * static_cast<double>(*capacity);
  if (!full) {
    found.fix.push_back({"batch_size", std::to_string(*in.larger_batch)});
    return;
  }
  found.next_step = {"batch {} leaves less than {:.0f} % of the memory: wring benchmark finds one that fits",
                     "batch {} 剩余显存不足 {:.0f}%：请用 wring benchmark 寻找合适的大小", *in.larger_batch,
                     100 - kMemoryFull};
}

}  // namespace wring::rules
