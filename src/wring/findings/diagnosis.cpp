// The rules behind `wring diagnose`. Where the thresholds come from:
//
// data_wait: TensorBoard's profiler calls a step input-bound from 5 % of its time in the loader on.
//
// loader_headroom: a loader that makes less than 10 % more than the step needs alone stalls it whenever it stutters.
//
// gap: the rates of loader and step alone both exceed what they make together by this much: what is left are copies and
// waits between the two. 10 % is the profiler's line for communication.
//
// graph_gain: one graph a step removes the launches, so where kernels do not fill the step what it gains was launching.
// Where they do, it gains by other kernels: it runs fused ones where the step allows them.
//
// kernels_idle: in a step on a resident batch the card has no one to wait for but the host that launches.
//
// larger_gain: doubling a batch that fills the card gains less than ε; three times that is no noise.
//
// mixed_gain: where 16 bits gain less, they are not worth a change of the numbers.
//
// low_util, low_sm: the profiler's line for a card that is not used (50 %).
//
// dram_bound, tensor_busy, sm_busy: as the monitor's verdicts have them: from 60 % of the bandwidth on the queues are
// full often; half of the tensor cycles is beyond what memory-bound layers do. A multiprocessor is active while a warp
// waits: SM activity and GPU-Util alone never show that a step is good.
//
// attained: of the rate of one large product. cuDNN's layers of 96 to 512 channels reach 65 to 100 % of it alone, and a
// step has passes besides. On an H200 steps at 60 to 75 % left an expert's PyTorch behind by half; at 42 % and below
// the expert's was faster.
//
// throttled, heat_throttled: a power cap touched now and then costs nothing; heat is never wanted.
//
// memory_full: the profiler's line: above 90 % no larger batch is suggested.
#include "wring/findings/diagnosis.h"

#include <algorithm>
#include <array>

#include "wring/findings/diagnosis_rules.h"

namespace wring {
namespace {

struct Headline {
  std::string_view key;
  Text text;
};
const std::array<Headline, 9> kHeadlines = {{
    {"data_bound", {"data-bound: the step waits for the loader", "受数据限制：训练步在等待数据加载"}},
    {"transfer_bound",
     {"transfer-bound: loader and step are fast enough alone, not together",
      "受传输限制：加载与计算单独都够快，合在一起不够"}},
    {"launch_bound",
     {"launch-bound: the host launches kernels more slowly than the GPU runs them",
      "受启动限制：主机启动内核的速度跟不上 GPU"}},
    {"too_small",
     {"too small to fill the GPU: a larger batch costs almost nothing",
      "任务太小，填不满 GPU：更大的 batch 几乎不花时间"}},
    {"precision_bound",
     {"precision-bound: 32-bit arithmetic, while the 16-bit matrix units stand idle",
      "受精度限制：使用 32 位运算，16 位矩阵单元闲置"}},
    {"memory_bandwidth_bound",
     {"memory-bandwidth-bound: the GPU waits for its own memory", "受显存带宽限制：GPU 在等待自己的显存"}},
    {"slow_kernels",
     {"slow kernels: they run all the time, far below the rate that is attainable",
      "内核低效：一直在运行，但远低于可达到的速率"}},
    {"throttled", {"throttled: the clocks are held down", "被降频：时钟频率受到限制"}},
    {"compute_bound", {"compute-bound: the arithmetic is the limit", "受计算限制：瓶颈在算力"}},
}};

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

std::vector<Finding> DiagnosisRules::all() {
  if (!ran(in_.real)) return {};
  data_bound();
  transfer_bound();
  launch_bound();
  too_small();
  precision_bound();
  throttled();
  memory_bandwidth_bound();
  slow_kernels();
  compute_bound();
  std::ranges::stable_sort(found_, [](const Weighed& left, const Weighed& right) {
    if (left.cost != right.cost) return left.cost > right.cost;
    return left.finding.confidence > right.finding.confidence;
  });
  std::vector<Finding> verdicts;
  for (Weighed& one : found_) verdicts.push_back(std::move(one.finding));
  return verdicts;
}

Finding& DiagnosisRules::add(std::string_view key, double cost, double sure, Text numbers, Text rule, Text next_step) {
  const auto row = std::ranges::find(kHeadlines, key, &Headline::key);
  Weighed one;
  one.cost = cost;
  one.finding = {key, row->text, std::move(numbers), std::move(rule), sure, std::move(next_step), {}};
  found_.push_back(std::move(one));
  return found_.back().finding;
}

bool DiagnosisRules::has(std::string_view key) const {
  return std::ranges::any_of(found_, [&](const Weighed& one) { return one.finding.key == key; });
}

std::vector<Finding> diagnose(const DiagnosisInput& input) {
  return DiagnosisRules(input).all();
}

}  // namespace wring
