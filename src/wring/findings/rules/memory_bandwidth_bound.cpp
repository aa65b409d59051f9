#include <optional>
#include <utility>

#include <fmt/format.h>

#include "wring/findings/diagnosis.h"
#include "wring/findings/evidence.h"
#include "wring/findings/rules/rules.h"

namespace wring::rules {
namespace {

constexpr double kSurely = 75;  // DRAM activity

const Text& headline() {
  static const Text text{"memory-bandwidth-bound: the GPU waits for its own memory", "显存带宽受限：GPU 在等显存"};
  return text;
}

Finding found(double confidence, Text rule, Text numbers, Text next_step) {
  return {"memory_bandwidth_bound", headline(), std::move(numbers), std::move(rule), confidence,
          std::move(next_step),     {}};
}

}  // namespace

std::optional<Finding> memory_bandwidth_bound(const Features& f) {
  const Text next{
      "fuse element-wise layers (compile_model: true), use 16 bits and channels_last; more arithmetic per "
      "byte is free here",
      "融合逐元素层（compile_model: true），使用 16 位精度和 channels_last；此时增加单位数据的计算量是免费的"};
  if (at_least(f.dram_activity, limit::kDramBound) && below_or_unknown(f.tensor_activity, limit::kTensorBusy)) {
    return found(*f.dram_activity >= kSurely ? 0.9 : 0.75,
                 {"DRAM activity ≥ {} % and tensor activity < {} %", "显存带宽利用率 ≥ {}% 且张量核心活跃度 < {}%",
                  limit::kDramBound, limit::kTensorBusy},
                 activity(f).text(), next);
  }
  if (!f.dram_activity && at_least(f.memory_util, limit::kMemoryUtilBound) &&
      at_least(f.gpu_util, limit::kMemoryUtilBound)) {
    return found(0.45,
                 {"memory read or written ≥ {} % of the time (bandwidth itself cannot be read here)",
                  "显存读写时间 ≥ {}%（此卡读不到带宽本身）", limit::kMemoryUtilBound},
                 activity(f).text(), next);
  }
  return std::nullopt;
}

void memory_bandwidth_bound(Diagnosis& diagnosis) {
  const DiagnosisInput& in = diagnosis.input();
  const std::optional<double> dram = in.load().dram_activity;
  const std::optional<double> tensor = in.load().tensor_activity;
  if (!dram || *dram < limit::kDramBound || (tensor && *tensor >= limit::kTensorBusy)) return;
  if (const auto found = in.attained(); found && found->share_percent >= kAttainedWell) return;
  Finding& found = diagnosis.add(
      "memory_bandwidth_bound", headline(), diagnosis.own_share(), confidence_of(*dram, limit::kDramBound, 90),
      in.arithmetic_and_activity(),
      {"DRAM activity {:.0f} % or more, tensor activity below {:.0f} %",
       "显存带宽活跃度不低于 {:.0f}%，张量核心活跃度低于 {:.0f}%", limit::kDramBound, limit::kTensorBusy},
      {"fused layers (compile_model) and 16-bit tensors move less", "融合层（compile_model）与 16 位张量可减少访存"});
  if (!in.config.use_mixed_precision) found.fix.push_back({"use_mixed_precision", "true"});
  if (!in.config.channels_last) found.fix.push_back({"channels_last", "true"});
  if (!fast_engine_wanted(in.config)) found.fix.push_back({"compile_model", "true"});
}

}  // namespace wring::rules
