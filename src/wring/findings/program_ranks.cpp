#include "wring/findings/program_ranks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "wring/findings/diagnosis_input.h"
#include "wring/findings/straggler.h"

namespace wring {
namespace {

using Ranks = std::span<const ProgramInput>;

// Steps of ranks that go in step are as long; else they are no ranks of one training, or were seen at other times.
constexpr double kInStep = 0.1;
// A trace with far more work of the device in a step than a plain step has saw other ranks' profilers or files.
constexpr double kFaithful = 0.8;
// Below, kernels, clocks and batches of ranks are alike.
constexpr double kAlike = 0.05;

struct Share {
  std::string_view key;  // as in the report's JSON
  double StepShares::*ms;
  Text does;  // what a rank does longer than the others
};

const std::array<Share, 6>& shares() {
  static const std::array<Share, 6> all = {{
      {"computing", &StepShares::computing_ms, {"its kernels run", "其核函数运行"}},
      {"loader", &StepShares::loader_ms, {"it waits for data", "它等待数据"}},
      {"synchronisation", &StepShares::sync_ms, {"its GPU idles after a synchronisation", "其 GPU 在同步后空闲"}},
      {"launch", &StepShares::launch_ms, {"it waits for kernel launches", "它等待启动核函数"}},
      {"copy", &StepShares::copy_ms, {"it only copies", "它只在拷贝"}},
      {"optimizer", &StepShares::optimizer_ms, {"it waits for the optimiser on the CPU", "它等待 CPU 执行优化器"}},
  }};
  return all;
}

double own_ms(const ProgramInput& rank) {
  return rank.shares.step_ms - rank.shares.collective_ms;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// Over the ranks that are not among the first `count` of `order`.
double others_median(Ranks ranks, std::span<const std::size_t> order, std::size_t count, const auto& value) {
  std::vector<double> values;
  for (const std::size_t place : order.subspan(count)) values.push_back(value(ranks[place]));
  return median(values);
}

bool comparable(Ranks ranks) {
  const auto [least, most] =
      std::ranges::minmax_element(ranks, {}, [](const ProgramInput& rank) { return rank.shares.step_ms; });
  if (least->shares.step_ms < (1 - kInStep) * most->shares.step_ms) return false;
  return std::ranges::all_of(ranks, [](const ProgramInput& rank) { return rank.shares.stretch >= kFaithful; });
}

// How many of those with the longest own time stand apart from the rest: fewer than half, or one of two.
std::size_t apart(Ranks ranks, std::span<const std::size_t> order) {
  const std::size_t most = std::max<std::size_t>(1, (ranks.size() - 1) / 2);
  std::size_t found = 0;
  double widest = 0;
  for (std::size_t count = 1; count <= most; ++count) {
    const double gap = own_ms(ranks[order[count - 1]]) - own_ms(ranks[order[count]]);
    if (gap > widest) widest = gap, found = count;
  }
  return found;
}

// "it has 1.40 × the arithmetic of the others": why the kernels of a rank take longer; "" where nothing tells.
Text why_slower(const ProgramInput& rank, Ranks ranks, std::span<const std::size_t> order, std::size_t count) {
  const auto tflop = [](const ProgramInput& one) { return one.work.tflop_per_step().value_or(0); };
  const double others_tflop = others_median(ranks, order, count, tflop), own_tflop = tflop(rank);
  if (others_tflop > 0 && own_tflop > (1 + kAlike) * others_tflop) {
    return {"; it has {:.2f} × the arithmetic of the others", "；其运算量是其他进程的 {:.2f} 倍",
            own_tflop / others_tflop};
  }
  const std::string& other_card = ranks[order[count]].seen.process.device_name;
  if (rank.seen.process.device_name != other_card) {
    return {"; it has another card ({}, the others {})", "；它的显卡不同（{}，其他为 {}）",
            rank.seen.process.device_name, other_card};
  }
  const auto kernels = [](const ProgramInput& one) { return one.work.kernels; };
  const double others_kernels = others_median(ranks, order, count, kernels);
  if (std::abs(rank.work.kernels - others_kernels) > kAlike * others_kernels) {
    return {"; it launches {:.0f} kernels a step, the others {:.0f}", "；它每步启动 {:.0f} 个核函数，其他为 {:.0f} 个",
            rank.work.kernels, others_kernels};
  }
  const auto clock = [](const ProgramInput& one) {
    return one.seen.card ? one.seen.card->sm_clock_mhz.value_or(0) : 0;
  };
  const double others_clock = others_median(ranks, order, count, clock), own_clock = clock(rank);
  if (own_clock > 0 && own_clock < (1 - kAlike) * others_clock) {
    return {"; its clock is at {:.0f} MHz, the others' at {:.0f}", "；其频率为 {:.0f} MHz，其他为 {:.0f} MHz",
            own_clock, others_clock};
  }
  return {"; they are as many as with the others, and take longer", "；数量与其他进程相同，但耗时更长"};
}

Text cure_of(std::string_view reason) {
  if (reason == "computing") {
    return {
        "give every rank as much to compute; where it has: nvidia-smi -q -d PERFORMANCE tells whether its clocks are "
        "held "
        "down, nvidia-smi whether somebody else uses its card",
        "让各进程的计算量一致；若已一致：用 nvidia-smi -q -d PERFORMANCE 查看其是否降频，用 nvidia-smi "
        "查看该卡是否还有其他任务"};
  }
  if (reason == "launch" || reason == "optimizer") {
    return {
        "its CPU side is slower: fewer free cores, another NUMA node, or work that the other ranks do not do, such as "
        "logs",
        "其 CPU 侧更慢：空闲核心更少、在另一 NUMA 节点，或做了其他进程不做的工作（如写日志）"};
  }
  return {"what it waits for stands among its own causes", "它在等什么见其自身的原因"};
}

std::string list_of(Ranks ranks, std::span<const std::size_t> places) {
  std::string list;
  for (const std::size_t place : places) {
    const ObservedProcess& process = ranks[place].seen.process;
    list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", process.rank, process.device);
  }
  return list;
}

// The share in which the straggler is most ahead of the others, and by how much.
std::pair<const Share*, double> largest_excess(Ranks ranks, std::span<const std::size_t> order, std::size_t count) {
  const Share* largest = nullptr;
  double excess_ms = 0;
  for (const Share& share : shares()) {
    const auto ms = [&](const ProgramInput& rank) { return rank.shares.*share.ms; };
    const double more = ms(ranks[order[0]]) - others_median(ranks, order, count, ms);
    if (largest == nullptr || more > excess_ms) largest = &share, excess_ms = more;
  }
  return {largest, excess_ms};
}

Finding verdict_on(Ranks ranks, std::span<const std::size_t> order, const HeldUpRanks& held, double percent) {
  const auto [share, excess_ms] = largest_excess(ranks, order, held.stragglers.size());
  Finding found;
  found.key = "straggler";
  found.headline = straggler_headline(list_of(ranks, held.stragglers));
  found.numbers = {
      "without waiting for others it takes {:.2f} ms of a step of {:.2f}, the others {:.2f} at most; their collectives "
      "run "
      "{:.2f} ms longer than its own. {} {:.2f} ms longer{}",
      "不计等待，它每步 {1:.2f} ms 中占 {0:.2f} ms，其他进程最多 {2:.2f} ms；其他进程的通信比它多运行 {3:.2f} "
      "ms。{4}多 "
      "{5:.2f} ms{6}",
      held.own_ms,
      ranks[order[0]].shares.step_ms,
      held.others_own_ms,
      held.others_wait_ms,
      share->does,
      excess_ms,
      share->key == "computing" ? why_slower(ranks[order[0]], ranks, order, held.stragglers.size()) : Text()};
  found.rule = {"a step without collectives is ≥ {:.0f} % of a step longer than with every other rank",
                "不计通信的每步时间比其他任一进程长 ≥ 每步的 {:.0f}%", rules::kWorthAChange};
  constexpr double kSure = 30;
  found.confidence = confidence_of(percent, rules::kWorthAChange, kSure);
  found.next_step = cure_of(share->key);
  return found;
}

}  // namespace

std::optional<HeldUpRanks> find_straggler(Ranks ranks) {
  if (ranks.size() < 2 || !comparable(ranks)) return std::nullopt;
  std::vector<std::size_t> order(ranks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater{}, [&](std::size_t place) { return own_ms(ranks[place]); });
  const std::size_t count = apart(ranks, order);
  if (count == 0) return std::nullopt;
  HeldUpRanks held;
  held.own_ms = own_ms(ranks[order[count - 1]]);
  held.others_own_ms = own_ms(ranks[order[count]]);
  const double gives_back_ms = held.own_ms - held.others_own_ms;
  const double percent = 100 * gives_back_ms / ranks[order[0]].shares.step_ms;
  if (percent < rules::kWorthAChange) return std::nullopt;
  held.stragglers.assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count));
  const double own_wait_ms = ranks[order[0]].shares.collective_ms;
  for (const ProgramInput& rank : ranks) {
    held.held_up_ms.push_back(std::max(0.0, rank.shares.collective_ms - own_wait_ms));
  }
  held.others_wait_ms =
      others_median(ranks, order, count, [](const ProgramInput& rank) { return rank.shares.collective_ms; }) -
      own_wait_ms;
  held.reason = largest_excess(ranks, order, count).first->key;
  held.found.finding = verdict_on(ranks, order, held, percent);
  held.found.give_back_ms = gives_back_ms;
  held.found.share = percent;
  return held;
}

}  // namespace wring
