#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "wring/findings/attainable.h"
#include "wring/findings/diagnosis.h"
#include "wring/findings/evidence.h"
#include "wring/findings/rules/rules.h"
#include "wring/tune/search/words.h"

namespace wring::rules {
namespace {

constexpr double kMostly = 50;  // per cent of a kind's time

struct Loss {
  KernelKind kind = KernelKind::other;
  double percent = 0;  // of the step
};

// Of the products what they take beyond the time that they need, where that is known; of every other kind all of it.
Loss heaviest_loss(const TrialResult& step) {
  const auto needed = attainable(step);
  Loss heaviest;
  for (const KernelKindRow& row : kernel_kind_rows()) {
    double lost = kind_percent(step, row.kind);
    if (row.kind == KernelKind::product) lost = needed ? lost - needed->share_percent : 0;
    if (lost > heaviest.percent) heaviest = {row.kind, lost};
  }
  return heaviest;
}

bool mostly_small(const TrialResult& step, KernelKind kind) {
  const auto time = std::ranges::find(step.kernels, kind, &KernelKindTime::kind);
  return time != step.kernels.end() && time->ms > 0 && 100 * time->small_ms / time->ms >= kMostly;
}

// What would give the time of a kind back. None of these is a key of the config.
Text advice(const TrialResult& step, KernelKind kind, bool perceptual) {
  switch (kind) {
    case KernelKind::product:
      if (mostly_small(step, kind)) {
        return {"the products' launches are too small to fill the card: a larger batch or patch, wider layers",
                "矩阵乘的启动规模太小，填不满显卡：增大 batch 或图块，或加宽网络层"};
      }
      return {"the products' tiles fit the layers badly: channels in multiples of 64, a larger patch or batch",
              "矩阵乘的分块与层的形状不合：通道数取 64 的倍数，或增大图块、batch"};
    case KernelKind::fp32_product:
      return {"products in fp32 within a step of 16 bits", "16 位的训练步中含有 fp32 矩阵乘"};
    case KernelKind::elementwise:
      if (perceptual && step.engine.find("fused") == std::string::npos) {
        return {"passes over memory between the products, because the perceptual loss runs outside the fused step",
                "矩阵乘之间的访存过程：感知损失不在融合步之内"};
      }
      return {"passes over memory between the products, which fused kernels save",
              "矩阵乘之间的访存过程，融合核可以省去"};
    case KernelKind::layout:
      return {"conversions of layout and type between the products", "矩阵乘之间的布局与类型转换"};
    case KernelKind::reduction:
      return {"sums over activations and gradients", "对激活与梯度的求和"};
    case KernelKind::update:
      return {"the optimiser, which a larger batch spreads over more samples", "优化器：更大的 batch 可分摊其开销"};
    case KernelKind::copy:
      return {"copies within the step", "每步中的拷贝"};
    case KernelKind::collective:
      return {"sums over the ranks (docs/scaling.md)", "多卡通信（docs/scaling.md）"};
    case KernelKind::other:
      return {"kernels that Wring cannot tell; --json names the heaviest", "Wring 未能识别的内核；--json 给出最耗时者"};
  }
  return {};
}

std::vector<Assignment> kernel_cures(const DiagnosisInput& in) {
  std::vector<Assignment> cures;
  const std::optional<double> gain = in.graph_gain();
  if (in.untried_precision()) cures.push_back({"use_mixed_precision", "true"});
  if (!fast_engine_wanted(in.config) && gain && *gain >= kGraphGains) cures.push_back({"compile_model", "true"});
  if (in.config.fold_tail == "off") cures.push_back({"fold_tail", "auto"});
  if (!in.config.channels_last) cures.push_back({"channels_last", "true"});
  return cures;
}

// Whether the change of this cause was tried beside the config as it is.
bool was_measured(const DiagnosisInput& in, std::string_view key) {
  if (key == "launch_bound") return in.graph_gain().has_value();
  return key == "too_small" || key == "precision_bound";
}

Text without_a_cure(const Diagnosis& diagnosis) {
  const DiagnosisInput& in = diagnosis.input();
  // Another verdict's change comes first: the kernels change with it.
  const Finding* other = diagnosis.first_curable();
  Text text = {"no key cures it without changing what is trained", "没有不改变训练内容的配置项可以解决"};
  if (other != nullptr) {
    const std::string change = assignments_text(other->fix);
    text = was_measured(in, other->key)
               ? Text("first what was measured to help: " + change, "先应用已实测有效的改动：" + change)
               : Text("first the change of the other verdict: " + change, "先应用另一条结论的改动：" + change);
  }
  const Loss loss = heaviest_loss(*in.resident);
  if (loss.percent < kNamedPercent) return text;
  const Text why = advice(*in.resident, loss.kind, in.config.use_perceptual);
  return {"{}; the largest part of the rest ({:.0f} % of the step): {}",
          "{}；其余时间中最大的一项（占每步 {:.0f}%）：{}", text, loss.percent, why};
}

Text slow_rule(bool far, bool elsewhere) {
  if (far) {
    return {
        "kernels run, and the step reaches less than {:.0f} % of the rate of one large product on this "
        "device in this precision",
        "内核在运行，而每步低于本机同精度下单个大矩阵乘速率的 {:.0f}%", kAttainedWell};
  }
  if (elsewhere) {
    return {"SM activity {:.0f} % or more with tensor activity below {:.0f} %",
            "SM 活跃度不低于 {:.0f}%，而张量核心活跃度低于 {:.0f}%", limit::kSmBusy, limit::kTensorBusy};
  }
  return {"kernels run {:.0f} % or more of the step, and those of a graph gain {:.0f} % or more",
          "内核运行时间不低于每步的 {:.0f}%，而 CUDA 图中的内核可提速 {:.0f}% 以上", kKernelsFill, kGraphGains};
}

}  // namespace

// Far below the attainable rate, with what the kernels do instead.
void slow_kernels(Diagnosis& diagnosis) {
  const DiagnosisInput& in = diagnosis.input();
  if (!ran(in.resident) || diagnosis.has("memory_bandwidth_bound")) return;
  const auto found = in.attained();
  const double busy = in.resident->kernel_busy_percent.value_or(100);
  const bool far = found && found->share_percent < kAttainedWell && busy - found->share_percent >= kClearGap;
  // Without the rate: multiprocessors full of warps that do not use the matrix units.
  const bool elsewhere = !found && in.load().tensor_activity && *in.load().tensor_activity < limit::kTensorBusy &&
                         in.load().sm_activity.value_or(0) >= limit::kSmBusy;
  const std::optional<double> gain = in.graph_gain();
  const bool fused_gains = gain && *gain >= kGraphGains && !fast_engine_wanted(in.config) && in.kernels_fill_the_step();
  if (!far && !elsewhere && !fused_gains) return;

  Text numbers = in.arithmetic_and_activity();
  if (fused_gains) numbers.append({"; ", "；"}, in.graph_rates());
  double cost = far ? diagnosis.own_share() / 100 * (busy - found->share_percent) : 0;
  if (fused_gains) cost = std::max(cost, percent(1 - 1 / (1 + *gain / 100)));
  double sure = elsewhere ? 0.6 : 0.5;
  if (far) sure = confidence_of(-found->share_percent, -kAttainedWell, -30);
  if (fused_gains) sure = std::max(sure, confidence_of(*gain, kGraphGains, 60));
  const Text without = without_a_cure(diagnosis);
  Finding& verdict = diagnosis.add("slow_kernels",
                                   {"slow kernels: they run all the time, far below the rate that is attainable",
                                    "内核低效：一直在运行，但远低于可达到的速率"},
                                   cost, sure, numbers, slow_rule(far, elsewhere), without);
  verdict.fix = kernel_cures(in);
  Text next = verdict.fix.empty() ? without
                                  : Text("shorter kernels for the same step: " + assignments_text(verdict.fix),
                                         "以更短的内核完成同样的训练步：" + assignments_text(verdict.fix));
  if (far) {
    next = {"{:.1f} × is the bound, with nothing but these products at that rate; {}",
            "若只剩这些矩阵乘且达到该速率，上限为 {:.1f} 倍；{}", found->reach, next};
  }
  verdict.next_step = std::move(next);
}

}  // namespace wring::rules
