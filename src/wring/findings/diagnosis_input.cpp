#include "wring/findings/diagnosis_input.h"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "wring/tune/search/words.h"

namespace wring {
namespace {

Text share(const Text& name, double percent) {
  return {"{} {:.0f} %", "{} {:.0f}%", name, percent};
}

Text attained_text(const TrialResult& step) {
  const auto found = attainable(step);
  if (!found) return {};
  const TrialArithmetic& needed = step.arithmetic;
  return {
      "a step needs {:.3g} TFLOP in {}, which take {:.3g} ms at the {:.3g} TFLOP/s that one large "
      "product reaches here: {:.0f} % of its {:.3g} ms",
      "每步需要 {0:.3g} TFLOP（{1}），按本机单个大矩阵乘实测的 {3:.3g} TFLOP/s 需 {2:.3g} ms，为每步 {5:.3g} "
      "ms 的 {4:.0f}%",
      *needed.tflop_per_step,
      needed.precision,
      found->needed_ms,
      *needed.matmul_tflops,
      found->share_percent,
      found->step_ms};
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
    if (part < kNamedPercent) continue;
    named += part;
    Text one = share(kernel_kind_rows()[static_cast<std::size_t>(time.kind)].name, part);
    const auto rate = product_rate_percent(step);
    if (time.kind == KernelKind::product && rate && *rate <= 100) {
      one += Text(" (at {:.0f} % of that rate)", "（达该速率的 {:.0f}%）", *rate);
    }
    list.append({", ", "，"}, one);
  }
  if (all - named >= 0.5) list.append({", ", "，"}, share({"the rest", "其余"}, all - named));
  if (100 - all >= kNamedPercent) list.append({", ", "，"}, share({"no kernel", "无内核运行"}, 100 - all));
  return {"of the step: {}", "每步中：{}", list};
}

Text activity(const TrialUtilisation& load) {
  Text text;
  const auto say = [&](const char* en, const char* zh, const std::optional<double>& value) {
    if (!value) return;
    text.append({", ", "，"}, {"{} {:.0f} %", "{} {:.0f}%", Text(en, zh), *value});
  };
  say("GPU-Util", "GPU 利用率", load.gpu_util);
  say("SM activity", "SM 活跃度", load.sm_activity);
  say("tensor activity", "张量核心活跃度", load.tensor_activity);
  say("DRAM activity", "显存带宽活跃度", load.dram_activity);
  return text;
}

}  // namespace

bool ran(const std::optional<TrialResult>& result) {
  return result && result->outcome == TrialOutcome::ok && result->samples_per_s > 0;
}

double percent(double share) {
  return 100 * share;
}

double confidence_of(double value, double threshold, double sure) {
  const double share = std::clamp((value - threshold) / (sure - threshold), 0.0, 1.0);
  return 0.5 + 0.45 * share;
}

double DiagnosisInput::wait_percent() const {
  if (!real.data_wait_ms || real.step_ms.median <= 0) return 0;
  return std::min(100.0, percent(*real.data_wait_ms / real.step_ms.median));
}

double DiagnosisInput::lost_percent() const {
  if (!ran(resident)) return 0;
  return std::max(0.0, percent(1 - *real.samples_per_s / *resident->samples_per_s));
}

std::optional<double> DiagnosisInput::headroom_percent() const {
  if (!ran(loader) || !ran(resident)) return std::nullopt;
  return percent(*loader->samples_per_s / *resident->samples_per_s - 1);
}

std::optional<double> DiagnosisInput::graph_gain() const {
  if (!ran(eager) || !ran(graph)) return std::nullopt;
  return percent(*graph->samples_per_s / *eager->samples_per_s - 1);
}

bool DiagnosisInput::kernels_fill_the_step() const {
  return ran(resident) && resident->kernel_busy_percent.value_or(0) >= kKernelsFill;
}

std::optional<Attainable> DiagnosisInput::attained() const {
  return ran(resident) ? attainable(*resident) : std::nullopt;
}

bool DiagnosisInput::untried_precision() const {
  // Only a card's readings have a share of tensor cores.
  return !config.use_mixed_precision && !mixed && load().tensor_activity;
}

Text DiagnosisInput::three_rates() const {
  Text text;
  const auto say = [&](const char* en, const char* zh, const std::optional<TrialResult>& result) {
    if (!ran(result)) return;
    const std::string rate = rate_figure(result->samples_per_s);
    text.append({", ", "，"}, {"{} {}", "{} {}", Text(en, zh), rate});
  };
  say("loader alone", "仅加载", loader);
  say("step alone", "仅计算", resident);
  say("together", "合计", real);
  text += Text(" samples/s", " samples/s");
  if (real.data_wait_ms) {
    text +=
        Text("; {} % of the step waits for data", "；每步 {}% 的时间在等待数据", percent_figure(wait_percent() / 100));
  }
  return text;
}

Text DiagnosisInput::graph_rates() const {
  const double gain = graph_gain().value_or(0) / 100;
  const std::string captured = rate_figure(graph->samples_per_s);
  const std::string one_by_one = rate_figure(eager->samples_per_s);
  return {"one graph a step makes {} samples/s, launching one by one {} ({} % more)",
          "整步一个图 {} samples/s，逐个启动 {}（快 {}%）", captured, one_by_one, percent_figure(gain)};
}

Text DiagnosisInput::arithmetic_and_activity() const {
  Text text;
  if (ran(resident)) {
    text.append({"; ", "；"}, attained_text(*resident));
    text.append({"; ", "；"}, kinds_text(*resident));
  }
  text.append({"; ", "；"}, activity(load()));
  return text;
}

}  // namespace wring
