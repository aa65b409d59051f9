#include <optional>

#include <fmt/format.h>

#include "wring/findings/diagnosis_input.h"
#include "wring/findings/program.h"
#include "wring/findings/rules/rules.h"

namespace wring::rules {
namespace {

// What is left of the host's work, roughly: a launch or two for all tensors instead of several for each of them.
constexpr double kFusedLeaves = 0.1;

bool has_fused(std::string_view type) {
  return type == "Adam" || type == "AdamW" || type == "SGD" || type == "Adagrad";
}

}  // namespace

// The host's work in the optimiser while the GPU idles.
void optimizer(ProgramDiagnosis& diagnosis) {
  const ProgramInput& in = diagnosis.input();
  const double lost = diagnosis.percent_of_step(in.shares.optimizer_ms);
  const ObservedOptimizer* counted = diagnosis.counted_optimizer();
  if (lost < kWorthAChange || !counted) return;
  const bool fused = counted->fused.value_or(false);
  const bool fusible = !fused && has_fused(counted->type);
  const Text numbers = counted->tensors > 0
                           ? Text("{} updates {} tensors; the GPU is idle {:.2f} ms of {:.2f} meanwhile",
                                  "{0} 更新 {1} 个张量；其间每步 {3:.2f} ms 中 GPU 空闲 {2:.2f} ms", counted->type,
                                  counted->tensors, in.shares.optimizer_ms, diagnosis.step_ms())
                           : Text("while {} updates its tensors the GPU is idle {:.2f} ms of {:.2f}",
                                  "{0} 更新张量期间，每步 {2:.2f} ms 中 GPU 空闲 {1:.2f} ms", counted->type,
                                  in.shares.optimizer_ms, diagnosis.step_ms());
  ProgramFinding& found = diagnosis.add(
      "optimizer",
      {"the GPU waits {:.0f} % of a step while the CPU is in the optimiser's step",
       "每步有 {:.0f}% 的时间 GPU 在等 CPU 执行优化器的 step", lost},
      in.shares.optimizer_ms * (fusible ? 1 - kFusedLeaves : 1), confidence_of(lost, kWorthAChange, 30), numbers,
      {"the GPU is idle ≥ {:.0f} % of a step while optimizer.step() launches its kernels",
       "optimizer.step() 启动核函数期间 GPU 空闲 ≥ 每步的 {:.0f}%", kWorthAChange});
  if (fusible) {
    const bool one_by_one = counted->foreach_ && !*counted->foreach_;
    found.finding.next_step = {"one kernel updates many tensors", "用一个核函数更新多个张量"};
    found.changes.push_back({in.seen.without_agent ? std::nullopt : std::optional(counted->place),
                             fmt::format("{}(…{})", counted->type, one_by_one ? ", foreach=False" : ""),
                             "fused=True",
                             ResultsEffect::rounding,
                             {"{:.0f} % of a step waits for it", "每步有 {:.0f}% 的时间在等它", lost}});
  } else if (fused) {
    found.finding.next_step = {"{} is fused already: the trace (--keep-trace) shows what else the CPU does in its step",
                               "{} 已是 fused：性能分析记录（--keep-trace）可显示 CPU 在其 step 中还做了什么",
                               counted->type};
  } else {
    found.finding.next_step = {"{} has no fused form: torch.compile(optimizer.step) launches fewer kernels",
                               "{} 没有 fused 形式：torch.compile(optimizer.step) 可减少核函数", counted->type};
  }
}

}  // namespace wring::rules
