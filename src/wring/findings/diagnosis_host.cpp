#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "wring/findings/diagnosis_rules.h"
#include "wring/tune/host_memory.h"
#include "wring/tune/search/words.h"

namespace wring {
namespace {

namespace limit = diagnosis_thresholds;

}  // namespace

double DiagnosisRules::wait_percent() const {
  if (!in_.real.data_wait_ms || in_.real.step_ms.median <= 0) return 0;
  return std::min(100.0, percent(*in_.real.data_wait_ms / in_.real.step_ms.median));
}

double DiagnosisRules::lost_percent() const {
  if (!ran(in_.resident)) return 0;
  return std::max(0.0, percent(1 - *in_.real.samples_per_s / *in_.resident->samples_per_s));
}

std::optional<double> DiagnosisRules::headroom_percent() const {
  if (!ran(in_.loader) || !ran(in_.resident)) return std::nullopt;
  return percent(*in_.loader->samples_per_s / *in_.resident->samples_per_s - 1);
}

Text DiagnosisRules::three_rates() const {
  Text text;
  const auto say = [&](const char* en, const char* zh, const std::optional<TrialResult>& result) {
    if (!ran(result)) return;
    const std::string rate = rate_figure(result->samples_per_s);
    text.en += (text.en.empty() ? "" : ", ") + fmt::format("{} {}", en, rate);
    text.zh += (text.zh.empty() ? "" : "，") + fmt::format("{} {}", zh, rate);
  };
  say("loader alone", "仅加载", in_.loader);
  say("step alone", "仅计算", in_.resident);
  say("together", "合计", in_.real);
  text.en += " samples/s";
  text.zh += " samples/s";
  if (in_.real.data_wait_ms) {
    text.en += fmt::format("; {} % of the step waits for data", percent_figure(wait_percent() / 100));
    text.zh += fmt::format("；每步 {}% 的时间在等待数据", percent_figure(wait_percent() / 100));
  }
  return text;
}

void DiagnosisRules::data_bound() {
  const double lost = std::max(lost_percent(), wait_percent());
  const auto headroom = headroom_percent();
  // Without the loader's own rate, its wait in the step is the evidence.
  const bool slow_loader = headroom ? *headroom < limit::loader_headroom : wait_percent() >= limit::data_wait;
  if (!slow_loader || lost < limit::data_wait) return;
  double sure = confidence_of(lost, limit::data_wait, 40);
  if (!headroom) sure = std::min(sure, 0.8);
  Finding& found =
      add("data_bound", lost, sure, three_rates(),
          {fmt::format("the step loses {:.0f} % or more to waiting, and the loader alone makes less than {:.0f} % more "
                       "than the step",
                       limit::data_wait, limit::loader_headroom),
           fmt::format("每步等待数据的损失不低于 {:.0f}%，且加载速率高出计算不足 {:.0f}%", limit::data_wait,
                       limit::loader_headroom)},
          {});
  feed_the_step(found, headroom.value_or(-lost));
}

void DiagnosisRules::feed_the_step(Finding& found, double headroom) const {
  const TrainConfig& config = in_.config;
  if (config.data_cache == "none") found.fix.push_back({"data_cache", "auto"});
  const double factor = 1.25 * 100 / std::max(10.0, 100 + headroom);
  std::int64_t workers =
      std::llround(std::ceil(factor * static_cast<double>(std::max<std::int64_t>(1, config.num_workers))));
  if (in_.cpu_cores > 0) workers = std::min<std::int64_t>(workers, in_.cpu_cores);
  const std::int64_t prefetch = std::max<std::int64_t>(4, config.prefetch_factor);
  const auto room = host_memory_limit({workers, prefetch, in_.sample_bytes}, in_.host_available_bytes);
  const bool fits = !room || *room >= config.batch_size;
  if (fits && workers > config.num_workers) {
    found.fix.push_back({"num_workers", std::to_string(workers)});
    if (prefetch != config.prefetch_factor) found.fix.push_back({"prefetch_factor", std::to_string(prefetch)});
    if (!config.persistent_workers) found.fix.push_back({"persistent_workers", "true"});
  }
  if (!found.fix.empty()) {
    found.next_step = {"more workers or a cache of decoded images: " + assignments_text(found.fix),
                       "增加 worker 或缓存已解码的图像：" + assignments_text(found.fix)};
  } else {
    found.next_step = {
        "all cores decode already: convert the images to a faster format or smaller files, or put them "
        "on a faster disk",
        "所有核心都已在解码：请改用解码更快的格式、更小的文件或更快的磁盘"};
  }
}

void DiagnosisRules::transfer_bound() {
  const auto headroom = headroom_percent();
  if (!headroom || *headroom < limit::loader_headroom || lost_percent() < limit::gap) return;
  Finding& found =
      add("transfer_bound", lost_percent(), confidence_of(lost_percent(), limit::gap, 40), three_rates(),
          {fmt::format("loader and step alone are both at least {:.0f} % faster than together", limit::gap),
           fmt::format("加载与计算单独都比合在一起快 {:.0f}% 以上", limit::gap)},
          {});
  if (!in_.config.pin_memory) found.fix.push_back({"pin_memory", "true"});
  if (in_.config.data_cache == "host" || in_.config.data_cache == "none") found.fix.push_back({"data_cache", "auto"});
  found.next_step = found.fix.empty()
                        ? Text("look at the link's generation and width (wring doctor) and at what else uses it",
                               "请检查 PCIe 的代数与宽度（wring doctor），以及还有谁在占用它")
                        : Text("shorter ways for the batch: " + assignments_text(found.fix),
                               "缩短批次的传输路径：" + assignments_text(found.fix));
}

Percent DiagnosisRules::graph_gain() const {
  if (!ran(in_.eager) || !ran(in_.graph)) return std::nullopt;
  return percent(*in_.graph->samples_per_s / *in_.eager->samples_per_s - 1);
}

Text DiagnosisRules::graph_rates() const {
  const double gain = graph_gain().value_or(0) / 100;
  const std::string graph = rate_figure(in_.graph->samples_per_s);
  const std::string eager = rate_figure(in_.eager->samples_per_s);
  return {fmt::format("one graph a step makes {} samples/s, launching one by one {} ({} % more)", graph, eager,
                      percent_figure(gain)),
          fmt::format("整步一个图 {} samples/s，逐个启动 {}（快 {}%）", graph, eager, percent_figure(gain))};
}

bool DiagnosisRules::kernels_fill_the_step() const {
  return ran(in_.resident) && in_.resident->kernel_busy_percent.value_or(0) >= limit::kernels_idle;
}

void DiagnosisRules::launch_bound() {
  const Percent gain = graph_gain();
  const bool gains = gain && *gain >= limit::graph_gain && !kernels_fill_the_step();
  const bool idle = in_.kernel_busy_percent && *in_.kernel_busy_percent < limit::kernels_idle;
  // The graph itself shows that nothing is left to gain, whatever share of the time kernels run.
  if (!gains && (!idle || gain)) return;
  if (fast_engine_wanted(in_.config) && gains) return;  // the cure is taken already
  Text numbers;
  double cost = 0;
  if (gain) {
    numbers = graph_rates();
    cost = percent(1 - 1 / (1 + *gain / 100));
  }
  if (in_.kernel_busy_percent) {
    const Text busy = {fmt::format("kernels run {:.0f} % of the step", *in_.kernel_busy_percent),
                       fmt::format("内核运行时间占每步的 {:.0f}%", *in_.kernel_busy_percent)};
    numbers = {numbers.en.empty() ? busy.en : numbers.en + "; " + busy.en,
               numbers.zh.empty() ? busy.zh : numbers.zh + "；" + busy.zh};
    cost = std::max(cost, 100 - *in_.kernel_busy_percent);
  }
  const double sure = gains ? confidence_of(*gain, limit::graph_gain, 60) : std::min(0.75, confidence_of(cost, 10, 60));
  Finding& found = add(
      "launch_bound", cost, sure, numbers,
      {fmt::format("a graph gains {:.0f} % or more, or kernels run less than {:.0f} % of a step on a resident batch",
                   limit::graph_gain, limit::kernels_idle),
       fmt::format("CUDA 图可提速 {:.0f}% 以上，或数据常驻时内核运行时间不足 {:.0f}%", limit::graph_gain,
                   limit::kernels_idle)},
      {"a larger batch, or fewer and larger layers: the graph is in use already",
       "增大 batch，或采用更少更大的层：CUDA 图已在使用"});
  if (!fast_engine_wanted(in_.config)) {
    found.fix.push_back({"compile_model", "true"});
    found.next_step = {"capture the step as one CUDA graph: compile_model=true",
                       "将整步捕获为一个 CUDA 图：compile_model=true"};
  }
}

}  // namespace wring
