// The rules behind `wring diagnose`. Where the thresholds come from:
//
// data_wait: TensorBoard's profiler calls a step input-bound from 5 % of its time in the loader on.
//
// loader_headroom: a loader that makes less than 10 % more than the step needs alone stalls it whenever it stutters.
//
// gap: the rates of loader and step alone both exceed what they make together by this much: what is left are copies and
// waits between the two. 10 % is the profiler's line for communication.
//
// graph_gain: one graph a step removes the launches and nothing else, so what it gains was launching.
//
// kernels_idle: in a step on a resident batch the card has no one to wait for but the host that launches.
//
// larger_gain: doubling a batch that fills the card gains less than ε; three times that is no noise.
//
// low_util, low_sm: the profiler's line for a card that is not used (50 %).
//
// dram_bound, tensor_busy, sm_busy, full_util: as the monitor's verdicts have them: from 60 % of the bandwidth on the
// queues are full often; half of the tensor cycles is beyond what memory-bound layers do.
//
// throttled, heat_throttled: a power cap touched now and then costs nothing; heat is never wanted.
//
// memory_full: the profiler's line: above 90 % no larger batch is suggested.
#include "wring/tune/diagnosis.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "wring/config/values.h"
#include "wring/tune/host_memory.h"
#include "wring/tune/lines.h"
#include "wring/tune/search_words.h"

namespace wring {
namespace {

namespace limit = diagnosis_thresholds;
using Percent = std::optional<double>;

const std::array<BottleneckRow, 7> kRows = {{
    {Bottleneck::data_bound,
     "data_bound",
     {"data-bound: the GPU waits for the loader", "受数据限制：GPU 在等待数据加载"}},
    {Bottleneck::transfer_bound,
     "transfer_bound",
     {"transfer-bound: loader and step are fast enough alone, not together",
      "受传输限制：加载与计算单独都够快，合在一起不够"}},
    {Bottleneck::launch_bound,
     "launch_bound",
     {"launch-bound: the host launches kernels more slowly than the GPU runs them",
      "受启动限制：主机启动内核的速度跟不上 GPU"}},
    {Bottleneck::too_small,
     "too_small",
     {"too small to fill the GPU: a larger batch costs almost nothing",
      "任务太小，填不满 GPU：更大的 batch 几乎不花时间"}},
    {Bottleneck::memory_bandwidth_bound,
     "memory_bandwidth_bound",
     {"memory-bandwidth-bound: the GPU waits for its own memory", "受显存带宽限制：GPU 在等待自己的显存"}},
    {Bottleneck::throttled, "throttled", {"throttled: the clocks are held down", "被降频：时钟频率受到限制"}},
    {Bottleneck::compute_bound, "compute_bound", {"compute-bound: the GPU computes", "受计算限制：GPU 一直在计算"}},
}};

bool ran(const std::optional<TrialResult>& result) {
  return result && result->outcome == TrialOutcome::ok && result->samples_per_s > 0;
}

double percent(double share) {
  return 100 * share;
}

// How sure a rule is: 0.5 at its threshold, rising to 0.95 at `sure`.
double confidence(double value, double threshold, double sure) {
  const double share = std::clamp((value - threshold) / (sure - threshold), 0.0, 1.0);
  return 0.5 + 0.45 * share;
}

// A verdict and the share of the step's time that it costs (per cent), by which verdicts are ordered.
struct Weighed {
  Diagnosis diagnosis;
  double cost = 0;
};

class Rules {
 public:
  explicit Rules(const DiagnosisInput& input) : in_(input) {}

  std::vector<Diagnosis> all() {
    if (!ran(in_.real)) return {};
    data_bound();
    transfer_bound();
    launch_bound();
    too_small();
    throttled();
    memory_bandwidth_bound();
    compute_bound();
    std::ranges::stable_sort(found_, [](const Weighed& left, const Weighed& right) {
      if (left.cost != right.cost) return left.cost > right.cost;
      return left.diagnosis.confidence > right.diagnosis.confidence;
    });
    std::vector<Diagnosis> verdicts;
    for (Weighed& one : found_) verdicts.push_back(std::move(one.diagnosis));
    return verdicts;
  }

 private:
  Diagnosis& add(Bottleneck cause, double cost, double sure, Text numbers, Text rule, Text next_step) {
    const auto row = std::ranges::find(kRows, cause, &BottleneckRow::cause);
    Weighed one;
    one.cost = cost;
    one.diagnosis = {cause,           row->key, row->headline,        std::move(numbers),
                     std::move(rule), sure,     std::move(next_step), {}};
    found_.push_back(std::move(one));
    return found_.back().diagnosis;
  }

  bool has(Bottleneck cause) const {
    return std::ranges::any_of(found_, [&](const Weighed& one) { return one.diagnosis.cause == cause; });
  }

  double wait_percent() const {
    if (!in_.real.data_wait_ms || in_.real.step_ms.median <= 0) return 0;
    return std::min(100.0, percent(*in_.real.data_wait_ms / in_.real.step_ms.median));
  }

  // What the step alone makes beyond what it makes with the loader, in per cent of its own rate.
  double lost_percent() const {
    if (!ran(in_.resident)) return 0;
    return std::max(0.0, percent(1 - in_.real.samples_per_s / in_.resident->samples_per_s));
  }

  // The loader's rate over the step's, less one: negative where it cannot keep up.
  std::optional<double> headroom_percent() const {
    if (!ran(in_.loader) || !ran(in_.resident)) return std::nullopt;
    return percent(in_.loader->samples_per_s / in_.resident->samples_per_s - 1);
  }

  Text three_rates() const {
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

  void data_bound() {
    const double lost = std::max(lost_percent(), wait_percent());
    const auto headroom = headroom_percent();
    // Without the loader's own rate, its wait in the step is the evidence.
    const bool slow_loader = headroom ? *headroom < limit::loader_headroom : wait_percent() >= limit::data_wait;
    if (!slow_loader || lost < limit::data_wait) return;
    double sure = confidence(lost, limit::data_wait, 40);
    if (!headroom) sure = std::min(sure, 0.8);
    Diagnosis& found = add(
        Bottleneck::data_bound, lost, sure, three_rates(),
        {fmt::format("the step loses {:.0f} % or more to waiting, and the loader alone makes less than {:.0f} % more "
                     "than the step",
                     limit::data_wait, limit::loader_headroom),
         fmt::format("每步等待数据的损失不低于 {:.0f}%，且加载速率高出计算不足 {:.0f}%", limit::data_wait,
                     limit::loader_headroom)},
        {});
    feed_the_step(found, headroom.value_or(-lost));
  }

  // More workers as far as there are cores and memory; else images decoded once.
  void feed_the_step(Diagnosis& found, double headroom) const {
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

  void transfer_bound() {
    const auto headroom = headroom_percent();
    if (!headroom || *headroom < limit::loader_headroom || lost_percent() < limit::gap) return;
    Diagnosis& found =
        add(Bottleneck::transfer_bound, lost_percent(), confidence(lost_percent(), limit::gap, 40), three_rates(),
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

  void launch_bound() {
    Percent gain;
    if (ran(in_.eager) && ran(in_.graph)) gain = percent(in_.graph->samples_per_s / in_.eager->samples_per_s - 1);
    const bool gains = gain && *gain >= limit::graph_gain;
    const bool idle = in_.kernel_busy_percent && *in_.kernel_busy_percent < limit::kernels_idle;
    // The graph itself shows that nothing is left to gain, whatever share of the time kernels run.
    if (!gains && (!idle || gain)) return;
    if (in_.config.compile_model && gains) return;  // the cure is taken already
    Text numbers;
    double cost = 0;
    if (gain) {
      numbers = {fmt::format("one graph a step makes {} samples/s, launching one by one {} ({} % more)",
                             rate_figure(in_.graph->samples_per_s), rate_figure(in_.eager->samples_per_s),
                             percent_figure(*gain / 100)),
                 fmt::format("整步一个图 {} samples/s，逐个启动 {}（快 {}%）", rate_figure(in_.graph->samples_per_s),
                             rate_figure(in_.eager->samples_per_s), percent_figure(*gain / 100))};
      cost = percent(1 - 1 / (1 + *gain / 100));
    }
    if (in_.kernel_busy_percent) {
      const Text busy = {fmt::format("kernels run {:.0f} % of the step", *in_.kernel_busy_percent),
                         fmt::format("内核运行时间占每步的 {:.0f}%", *in_.kernel_busy_percent)};
      numbers = {numbers.en.empty() ? busy.en : numbers.en + "; " + busy.en,
                 numbers.zh.empty() ? busy.zh : numbers.zh + "；" + busy.zh};
      cost = std::max(cost, 100 - *in_.kernel_busy_percent);
    }
    const double sure = gains ? confidence(*gain, limit::graph_gain, 60) : std::min(0.75, confidence(cost, 10, 60));
    Diagnosis& found = add(
        Bottleneck::launch_bound, cost, sure, numbers,
        {fmt::format("a graph gains {:.0f} % or more, or kernels run less than {:.0f} % of a step on a resident batch",
                     limit::graph_gain, limit::kernels_idle),
         fmt::format("CUDA 图可提速 {:.0f}% 以上，或数据常驻时内核运行时间不足 {:.0f}%", limit::graph_gain,
                     limit::kernels_idle)},
        {"a larger batch, or fewer and larger layers: the graph is in use already",
         "增大 batch，或采用更少更大的层：CUDA 图已在使用"});
    if (!in_.config.compile_model) {
      found.fix.push_back({"compile_model", "true"});
      found.next_step = {"capture the step as one CUDA graph: compile_model=true",
                         "将整步捕获为一个 CUDA 图：compile_model=true"};
    }
  }

  void too_small() {
    if (!ran(in_.larger) || !ran(in_.resident) || !in_.larger_batch) return;
    const double gain = percent(in_.larger->samples_per_s / in_.resident->samples_per_s - 1);
    if (gain < limit::larger_gain) return;
    Diagnosis& found =
        add(Bottleneck::too_small, percent(1 - 1 / (1 + gain / 100)), confidence(gain, limit::larger_gain, 60),
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

  void throttled() {
    if (!in_.throttled_percent) return;
    const bool heat = in_.throttled_by_heat.value_or(false);
    const double line = heat ? limit::heat_throttled : limit::throttled;
    if (*in_.throttled_percent < line) return;
    // At full load many cards run at their power cap all the time and lose a few per cent; heat costs more.
    const double cost = heat ? *in_.throttled_percent / 2 : 1;
    add(Bottleneck::throttled, cost, confidence(*in_.throttled_percent, line, heat ? 40 : 100),
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

  const TrialUtilisation& load() const { return ran(in_.resident) ? in_.resident->utilisation : in_.real.utilisation; }

  void memory_bandwidth_bound() {
    const Percent dram = load().dram_activity;
    const Percent tensor = load().tensor_activity;
    if (!dram || *dram < limit::dram_bound || (tensor && *tensor >= limit::tensor_busy)) return;
    const bool fp32 = !in_.config.use_mixed_precision;
    Diagnosis& found = add(
        Bottleneck::memory_bandwidth_bound, own_share(), confidence(*dram, limit::dram_bound, 90), activity(),
        {fmt::format("DRAM activity {:.0f} % or more, tensor activity below {:.0f} %", limit::dram_bound,
                     limit::tensor_busy),
         fmt::format("显存带宽活跃度不低于 {:.0f}%，张量核心活跃度低于 {:.0f}%", limit::dram_bound,
                     limit::tensor_busy)},
        {"fused layers (compile_model) and 16-bit tensors move less", "融合层（compile_model）与 16 位张量可减少访存"});
    add_precision(found, fp32);
    if (!in_.config.channels_last) found.fix.push_back({"channels_last", "true"});
    if (!in_.config.compile_model) found.fix.push_back({"compile_model", "true"});
  }

  static void add_precision(Diagnosis& found, bool fp32) {
    if (fp32) found.fix.push_back({"use_mixed_precision", "true"});
  }

  // Good, unless the arithmetic is done the slow way.
  void compute_bound() {
    const TrialUtilisation& used = load();
    const bool computes = (used.tensor_activity && *used.tensor_activity >= limit::tensor_busy) ||
                          (used.sm_activity && *used.sm_activity >= limit::sm_busy);
    const bool full = used.gpu_util && *used.gpu_util >= limit::full_util && !used.sm_activity;
    if (!computes && !full) return;
    if (has(Bottleneck::memory_bandwidth_bound)) return;
    const bool fp32 = !in_.config.use_mixed_precision;
    // GPU-Util counts windows in which any kernel ran: it alone proves little.
    const double sure = computes ? confidence(used.sm_activity.value_or(limit::sm_busy), limit::low_sm, 95) : 0.5;
    Diagnosis& found =
        add(Bottleneck::compute_bound, own_share(), sure, activity(),
            {fmt::format(
                 "tensor activity {:.0f} % or more, or SM activity {:.0f} % or more, or GPU-Util {:.0f} % where these "
                 "cannot be read",
                 limit::tensor_busy, limit::sm_busy, limit::full_util),
             fmt::format(
                 "张量核心活跃度不低于 {:.0f}%，或 SM 活跃度不低于 {:.0f}%，或两者不可读时 GPU 利用率不低于 {:.0f}%",
                 limit::tensor_busy, limit::sm_busy, limit::full_util)},
            {"good: what is left is a smaller network, a smaller patch or a faster card",
             "很好：剩下的只有更小的网络、更小的图块或更快的显卡"});
    if (!fp32) return;
    found.next_step = {"the matrix units are idle in fp32: use_mixed_precision=true",
                       "fp32 未使用矩阵单元：use_mixed_precision=true"};
    add_precision(found, fp32);
  }

  // What the card itself takes of the step: all that is not lost before it.
  double own_share() const {
    double lost = 0;
    for (const Weighed& one : found_) lost = std::max(lost, one.cost);
    return lost >= limit::gap ? 0 : 100 - lost;
  }

  Text activity() const {
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

  const DiagnosisInput& in_;
  std::vector<Weighed> found_;
};

}  // namespace

std::span<const BottleneckRow> bottleneck_rows() {
  return kRows;
}

std::vector<Diagnosis> diagnose(const DiagnosisInput& input) {
  return Rules(input).all();
}

}  // namespace wring
