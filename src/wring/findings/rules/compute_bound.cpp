#include <optional>
#include <utility>

#include <fmt/format.h>

#include "wring/findings/computing_parts.h"
#include "wring/findings/diagnosis.h"
#include "wring/findings/evidence.h"
#include "wring/findings/program.h"
#include "wring/findings/rules/rules.h"
#include "wring/tune/search/words.h"

namespace wring::rules {
namespace {

constexpr double kFp32Busy = 40;   // the FP32 units at work make SM activity's word surer
constexpr double kMuchPower = 85;  // of the limit

// Of a program's step.
constexpr double kComputes = 80;
constexpr double kNothingLeft = 10;

// Only tensor activity proves that the card does what it is for: a multiprocessor that waits for memory counts as busy.
Text compute_next(const Features& f) {
  if (below(f.tensor_activity, limit::kTensorUnused)) {
    return {
        "the tensor cores do little of it; where the products are in fp32: use_mixed_precision: true, or allow TF32",
        "张量核心只承担了少部分；若矩阵乘为 fp32：设置 use_mixed_precision: true，或允许 TF32"};
  }
  if (at_least(f.tensor_activity, limit::kTensorBusy)) {
    return {
        "the card is used as it should be; faster only with less arithmetic or a lower precision, not with more "
        "workers or a larger batch",
        "显卡已充分利用；只有减少计算量或降低精度才能更快，增加 worker 或增大 batch 没有用"};
  }
  return {
      "more workers do not help; what the kernels do in this time, wring diagnose CONFIG tells, or torch.profiler in "
      "another program",
      "增加 worker 没有用；内核在这段时间里做什么，可用 wring diagnose CONFIG 查看，其他程序可用 torch.profiler"};
}

Finding found(double confidence, Text rule, Text numbers, Text next_step) {
  return {"compute_bound",
          {"compute-bound: the GPU computes all the time", "计算受限：GPU 一直在计算"},
          std::move(numbers),
          std::move(rule),
          confidence,
          std::move(next_step),
          {}};
}

}  // namespace

std::optional<Finding> compute_bound(const Features& f) {
  if (at_least(f.tensor_activity, limit::kTensorBusy)) {
    return found(0.9, {"tensor activity ≥ {} %", "张量核心活跃度 ≥ {}%", limit::kTensorBusy}, activity(f).text(),
                 compute_next(f));
  }
  if (tensor_cores_unused(f)) return std::nullopt;  // that says more
  if (at_least(f.sm_activity, limit::kSmBusy) && below(f.dram_activity, limit::kDramBound)) {
    return found(at_least(f.fp32_activity, kFp32Busy) ? 0.8 : 0.65,
                 {"SM activity ≥ {} % and DRAM activity < {} %", "SM活跃度 ≥ {}% 且显存带宽利用率 < {}%",
                  limit::kSmBusy, limit::kDramBound},
                 activity(f).add("FP32 activity", "FP32活跃度", f.fp32_activity).text(), compute_next(f));
  }
  // Before Hopper there is no activity to read; much power at full use is the next best sign.
  if (!f.sm_activity && at_least(f.gpu_util, limit::kFullUtil) && at_least(f.power_of_limit, kMuchPower) &&
      below_or_unknown(f.memory_util, limit::kMemoryUtilBound)) {
    return found(0.5,
                 {"GPU-Util ≥ {} % and power ≥ {} % of its limit", "GPU利用率 ≥ {}% 且功耗 ≥ 上限的 {}%",
                  limit::kFullUtil, kMuchPower},
                 activity(f).text(), compute_next(f));
  }
  return std::nullopt;
}

// Good: near the attainable rate.
void compute_bound(Diagnosis& diagnosis) {
  const DiagnosisInput& in = diagnosis.input();
  const auto found = in.attained();
  const std::optional<double> tensor = in.load().tensor_activity;
  const bool near = found ? found->share_percent >= kAttainedWell : tensor && *tensor >= limit::kTensorBusy;
  if (!near || diagnosis.has("memory_bandwidth_bound") || diagnosis.has("slow_kernels")) return;
  const double sure =
      found ? confidence_of(found->share_percent, kAttainedWell, 75) : confidence_of(*tensor, limit::kTensorBusy, 80);
  Finding& verdict =
      diagnosis.add("compute_bound", {"compute-bound: the arithmetic is the limit", "受计算限制：瓶颈在算力"},
                    diagnosis.own_share(), sure, in.arithmetic_and_activity(),
                    {"{:.0f} % or more of the rate of one large product on this device in this precision; or tensor "
                     "activity {:.0f} % or more where that rate is not known",
                     "不低于本机同精度下单个大矩阵乘速率的 {:.0f}%；该速率未知时，张量核心活跃度不低于 {:.0f}%",
                     kAttainedWell, limit::kTensorBusy},
                    {"good: what is left is a smaller network, a smaller patch or a faster card",
                     "很好：剩下的只有更小的网络、更小的图块或更快的显卡"});
  if (found) {
    verdict.next_step = {
        "good: {:.0f} % of the attainable rate, {:.1f} × is the bound; beyond it a smaller network, a smaller "
        "patch or a faster device",
        "很好：已达可达速率的 {:.0f}%，上限为 {:.1f} 倍；再快只有更小的网络、更小的图块或更快的设备",
        found->share_percent, found->reach};
  }
  if (in.untried_precision()) verdict.fix.push_back({"use_mixed_precision", "true"});
  if (in.config.fold_tail == "off") verdict.fix.push_back({"fold_tail", "auto"});
  if (!verdict.fix.empty()) {
    verdict.next_step = {"the same step with less work: " + assignments_text(verdict.fix),
                         "以更少的工作完成同样的训练步：" + assignments_text(verdict.fix)};
  }
}

namespace {

Text computes(double share, const std::optional<Attainable>& rate) {
  if (rate && rate->share_percent < kAttainedWell) {
    return {"the GPU computes {:.0f} % of a step, at {:.0f} % of the attainable rate",
            "GPU 每步有 {:.0f}% 的时间在计算，但只达到可达速率的 {:.0f}%", share, rate->share_percent};
  }
  return {"the GPU computes {:.0f} % of a step: nothing holds it back",
          "GPU 每步有 {:.0f}% 的时间在计算：没有什么拖慢它", share};
}

}  // namespace

// Of a program: the GPU computes, and nothing that it waits for is worth a change.
void compute_bound(ProgramDiagnosis& diagnosis) {
  const ProgramInput& in = diagnosis.input();
  const double share = diagnosis.percent_of_step(in.shares.computing_ms);
  if (share < kComputes || diagnosis.largest_share() >= kNothingLeft) return;
  const double products_ms = in.work.ms_of(KernelKind::product) + in.work.ms_of(KernelKind::fp32_product);
  const double passes_ms = in.work.ms_of(KernelKind::elementwise) + in.work.ms_of(KernelKind::reduction);
  const auto rate = attainable(in.seen, in.work, diagnosis.step_ms());
  ProgramFinding& found = diagnosis.add(
      "compute_bound", computes(share, rate), 0, confidence_of(share, kComputes, 97),
      {"kernels run {:.2f} ms of {:.2f}: convolutions and matrix products {:.2f} ms, elementwise operations and "
       "reductions {:.2f} ms",
       "每步 {1:.2f} ms 中核函数运行 {0:.2f} ms：卷积与矩阵乘 {2:.2f} ms，逐元素运算与归约 {3:.2f} ms",
       in.shares.computing_ms, diagnosis.step_ms(), products_ms, passes_ms},
      {"kernels run ≥ {:.0f} % of a step, and no cause gives back {:.0f} %",
       "核函数运行 ≥ 每步的 {:.0f}%，且没有哪个原因能省下 {:.0f}%", kComputes, kNothingLeft});
  if (rate) found.finding.numbers += Text("; {}", "；{}", attained_text(in, *rate));
  if (rate && rate->share_percent < kAttainedWell) {
    found.finding.next_step = where_computing_goes(in, *rate);
  } else if (passes_ms > products_ms && in.seen.compiled_modules == 0) {
    found.finding.next_step = {
        "elementwise operations take longer than the matrix arithmetic: torch.compile can fuse them; the gain was not "
        "measured",
        "逐元素运算比矩阵运算更耗时：torch.compile 可将其融合，收益未测量"};
  } else {
    found.finding.next_step = {"only less arithmetic, a lower precision or a faster card would be faster",
                               "只有减少计算量、降低精度或换更快的显卡才能更快"};
  }
}

}  // namespace wring::rules
