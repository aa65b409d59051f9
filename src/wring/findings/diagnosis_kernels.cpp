// Whether a step that nothing holds up is a good one: by the rate that one large product reaches on the same card, and
// by what its kernels do with the time.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "wring/findings/diagnosis_rules.h"
#include "wring/tune/search/words.h"

namespace wring {
namespace {

namespace limit = diagnosis_thresholds;

constexpr double kNamed = 3;    // per cent of the step from which on a kind is named
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

void append(Text& text, const Text& more, const char* en = "; ", const char* zh = "；") {
  if (more.empty()) return;
  text = text.empty() ? more : Text(text.en + en + more.en, text.zh + zh + more.zh);
}

Text share(const Text& name, double percent) {
  return {fmt::format("{} {:.0f} %", name.en, percent), fmt::format("{} {:.0f}%", name.zh, percent)};
}

Text attained_text(const TrialResult& step) {
  const auto found = attainable(step);
  if (!found) return {};
  const TrialArithmetic& needed = step.arithmetic;
  return {
      fmt::format("a step needs {:.3g} TFLOP in {}, which take {:.3g} ms at the {:.3g} TFLOP/s that one large "
                  "product reaches here: {:.0f} % of its {:.3g} ms",
                  *needed.tflop_per_step, needed.precision, found->needed_ms, *needed.matmul_tflops,
                  found->share_percent, found->step_ms),
      fmt::format("每步需要 {:.3g} TFLOP（{}），按本机单个大矩阵乘实测的 {:.3g} TFLOP/s 需 {:.3g} ms，为每步 {:.3g} "
                  "ms 的 {:.0f}%",
                  *needed.tflop_per_step, needed.precision, *needed.matmul_tflops, found->needed_ms, found->step_ms,
                  found->share_percent)};
}

// "of the step convolutions and products take 58 % (at 73 % of that rate), elementwise passes over memory 27 %, …"
Text kinds_text(const TrialResult& step) {
  if (step.kernels.empty()) return {};
  Text list;
  double named = 0;
  double all = 0;
  std::vector<KernelKindTime> kinds = step.kernels;
  std::ranges::stable_sort(kinds, std::ranges::greater{}, &KernelKindTime::ms);
  for (const KernelKindTime& time : kinds) {
    const double part = kind_percent(step, time.kind);
    all += part;
    if (part < kNamed) continue;
    named += part;
    Text one = share(kernel_kind_rows()[static_cast<std::size_t>(time.kind)].name, part);
    const auto rate = product_rate_percent(step);
    if (time.kind == KernelKind::product && rate && *rate <= 100) {
      one.en += fmt::format(" (at {:.0f} % of that rate)", *rate);
      one.zh += fmt::format("（达该速率的 {:.0f}%）", *rate);
    }
    append(list, one, ", ", "，");
  }
  if (all - named >= 0.5) append(list, share({"the rest", "其余"}, all - named), ", ", "，");
  if (100 - all >= kNamed) append(list, share({"no kernel", "无内核运行"}, 100 - all), ", ", "，");
  return {"of the step: " + list.en, "每步中：" + list.zh};
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

}  // namespace

std::optional<Attainable> DiagnosisRules::attained() const {
  return ran(in_.resident) ? attainable(*in_.resident) : std::nullopt;
}

bool DiagnosisRules::untried_precision() const {
  // Only a card's readings have a share of tensor cores.
  return !in_.config.use_mixed_precision && !in_.mixed && load().tensor_activity;
}

Text DiagnosisRules::arithmetic_and_activity() const {
  Text text;
  if (ran(in_.resident)) {
    append(text, attained_text(*in_.resident));
    append(text, kinds_text(*in_.resident));
  }
  append(text, activity());
  return text;
}

std::vector<Assignment> DiagnosisRules::kernel_cures() const {
  std::vector<Assignment> cures;
  const Percent gain = graph_gain();
  if (untried_precision()) cures.push_back({"use_mixed_precision", "true"});
  if (!fast_engine_wanted(in_.config) && gain && *gain >= limit::graph_gain) cures.push_back({"compile_model", "true"});
  if (in_.config.fold_tail == "off") cures.push_back({"fold_tail", "auto"});
  if (!in_.config.channels_last) cures.push_back({"channels_last", "true"});
  return cures;
}

Text DiagnosisRules::without_a_cure() const {
  // Another verdict's change comes first: the kernels change with it.
  const auto other = std::ranges::find_if(found_, [](const Weighed& one) { return !one.finding.fix.empty(); });
  Text text = {"no key cures it without changing what is trained", "没有不改变训练内容的配置项可以解决"};
  if (other != found_.end()) {
    const std::string change = assignments_text(other->finding.fix);
    text = was_measured(other->finding.key)
               ? Text("first what was measured to help: " + change, "先应用已实测有效的改动：" + change)
               : Text("first the change of the other verdict: " + change, "先应用另一条结论的改动：" + change);
  }
  const Loss loss = heaviest_loss(*in_.resident);
  if (loss.percent < kNamed) return text;
  const Text why = advice(*in_.resident, loss.kind, in_.config.use_perceptual);
  return {fmt::format("{}; the largest part of the rest ({:.0f} % of the step): {}", text.en, loss.percent, why.en),
          fmt::format("{}；其余时间中最大的一项（占每步 {:.0f}%）：{}", text.zh, loss.percent, why.zh)};
}

bool DiagnosisRules::was_measured(std::string_view key) const {
  if (key == "launch_bound") return graph_gain().has_value();
  return key == "too_small" || key == "precision_bound";
}

Text DiagnosisRules::slow_rule(bool far, bool elsewhere) const {
  if (far) {
    return {fmt::format("kernels run, and the step reaches less than {:.0f} % of the rate of one large product on this "
                        "device in this precision",
                        limit::attained),
            fmt::format("内核在运行，而每步低于本机同精度下单个大矩阵乘速率的 {:.0f}%", limit::attained)};
  }
  if (elsewhere) {
    return {fmt::format("SM activity {:.0f} % or more with tensor activity below {:.0f} %", limit::sm_busy,
                        limit::tensor_busy),
            fmt::format("SM 活跃度不低于 {:.0f}%，而张量核心活跃度低于 {:.0f}%", limit::sm_busy, limit::tensor_busy)};
  }
  return {fmt::format("kernels run {:.0f} % or more of the step, and those of a graph gain {:.0f} % or more",
                      limit::kernels_idle, limit::graph_gain),
          fmt::format("内核运行时间不低于每步的 {:.0f}%，而 CUDA 图中的内核可提速 {:.0f}% 以上", limit::kernels_idle,
                      limit::graph_gain)};
}

void DiagnosisRules::slow_kernels() {
  if (!ran(in_.resident) || has("memory_bandwidth_bound")) return;
  const auto found = attained();
  const double busy = in_.resident->kernel_busy_percent.value_or(100);
  const bool far = found && found->share_percent < limit::attained && busy - found->share_percent >= limit::gap;
  // Without the rate: multiprocessors full of warps that do not use the matrix units.
  const bool elsewhere = !found && load().tensor_activity && *load().tensor_activity < limit::tensor_busy &&
                         load().sm_activity.value_or(0) >= limit::sm_busy;
  const Percent gain = graph_gain();
  const bool fused_gains =
      gain && *gain >= limit::graph_gain && !fast_engine_wanted(in_.config) && kernels_fill_the_step();
  if (!far && !elsewhere && !fused_gains) return;

  Text numbers = arithmetic_and_activity();
  if (fused_gains) append(numbers, graph_rates());
  double cost = far ? own_share() / 100 * (busy - found->share_percent) : 0;
  if (fused_gains) cost = std::max(cost, percent(1 - 1 / (1 + *gain / 100)));
  double sure = elsewhere ? 0.6 : 0.5;
  if (far) sure = confidence_of(-found->share_percent, -limit::attained, -30);
  if (fused_gains) sure = std::max(sure, confidence_of(*gain, limit::graph_gain, 60));
  const Text without = without_a_cure();
  Finding& verdict = add("slow_kernels", cost, sure, numbers, slow_rule(far, elsewhere), without);
  verdict.fix = kernel_cures();
  Text next = verdict.fix.empty() ? without
                                  : Text("shorter kernels for the same step: " + assignments_text(verdict.fix),
                                         "以更短的内核完成同样的训练步：" + assignments_text(verdict.fix));
  if (far) {
    next = {
        fmt::format("{:.1f} × is the bound, with nothing but these products at that rate; {}", found->reach, next.en),
        fmt::format("若只剩这些矩阵乘且达到该速率，上限为 {:.1f} 倍；{}", found->reach, next.zh)};
  }
  verdict.next_step = std::move(next);
}

void DiagnosisRules::compute_bound() {
  const auto found = attained();
  const Percent tensor = load().tensor_activity;
  const bool near = found ? found->share_percent >= limit::attained : tensor && *tensor >= limit::tensor_busy;
  if (!near || has("memory_bandwidth_bound") || has("slow_kernels")) return;
  const double sure =
      found ? confidence_of(found->share_percent, limit::attained, 75) : confidence_of(*tensor, limit::tensor_busy, 80);
  Finding& verdict =
      add("compute_bound", own_share(), sure, arithmetic_and_activity(),
          {fmt::format("{:.0f} % or more of the rate of one large product on this device in this precision; or tensor "
                       "activity {:.0f} % or more where that rate is not known",
                       limit::attained, limit::tensor_busy),
           fmt::format("不低于本机同精度下单个大矩阵乘速率的 {:.0f}%；该速率未知时，张量核心活跃度不低于 {:.0f}%",
                       limit::attained, limit::tensor_busy)},
          {"good: what is left is a smaller network, a smaller patch or a faster card",
           "很好：剩下的只有更小的网络、更小的图块或更快的显卡"});
  if (found) {
    verdict.next_step = {
        fmt::format(
            "good: {:.0f} % of the attainable rate, {:.1f} × is the bound; beyond it a smaller network, a smaller "
            "patch or a faster device",
            found->share_percent, found->reach),
        fmt::format("很好：已达可达速率的 {:.0f}%，上限为 {:.1f} 倍；再快只有更小的网络、更小的图块或更快的设备",
                    found->share_percent, found->reach)};
  }
  if (untried_precision()) verdict.fix.push_back({"use_mixed_precision", "true"});
  if (in_.config.fold_tail == "off") verdict.fix.push_back({"fold_tail", "auto"});
  if (!verdict.fix.empty()) {
    verdict.next_step = {"the same step with less work: " + assignments_text(verdict.fix),
                         "以更少的工作完成同样的训练步：" + assignments_text(verdict.fix)};
  }
}

}  // namespace wring
