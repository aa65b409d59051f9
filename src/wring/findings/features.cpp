#include "wring/findings/features.h"

#include <algorithm>

namespace wring {
namespace {

constexpr double kBusyPeerUtil = 20;  // a card below this takes no part in the work

std::optional<double> mean_of(const std::optional<MetricSummary>& summary) {
  return summary ? std::optional(summary->mean) : std::nullopt;
}

std::optional<double> percent_of(std::optional<double> value, std::optional<double> whole) {
  if (!value || !whole || *whole <= 0) return std::nullopt;
  return 100 * *value / *whole;
}

std::optional<double> sum(std::optional<double> a, std::optional<double> b) {
  if (!a || !b) return a ? a : b;
  return *a + *b;
}

// No program had the card, or one had it for long and did nothing with it.
bool hardly_worked(const PhaseSummary& phases) {
  constexpr double kHardly = 0.05;
  const double with_context_s = phases.all_s() - phases.of(Phase::no_context);
  return phases.worked_s <= 0 || (with_context_s >= kSilentBelowS && phases.worked_s <= kHardly * with_context_s);
}

// The steady part; a card that hardly worked has none, and is judged on all of the time.
SteadyPart judged_part(const GpuSummary& card, const Summary& summary) {
  const SteadyPart& steady = card.phases.steady;
  if (steady.covered_s >= kSilentBelowS || !hardly_worked(card.phases)) return steady;
  SteadyPart all;
  for (const MetricRow& row : metric_rows()) {
    all.means[static_cast<std::size_t>(row.metric)] = card.mean(row.metric);
  }
  const auto& util = card[Metric::gpu_util] ? card[Metric::gpu_util] : card[Metric::sm_activity];
  if (util) all.covered_s = util->coverage * summary.duration_s;
  if (card[Metric::gpu_util]) all.gpu_util_max = card[Metric::gpu_util]->max;
  all.host_cpu = mean_of(summary.host_cpu);
  all.host_busiest_core = mean_of(summary.host_busiest_core);
  all.host_iowait = mean_of(summary.host_iowait);
  return all;
}

std::optional<double> power_of_limit(const SteadyPart& part) {
  return percent_of(part.mean(Metric::power), part.mean(Metric::power_limit));
}

void keep_larger(std::optional<double>& kept, std::optional<double> value) {
  if (value) kept = std::max(kept.value_or(*value), *value);
}

void add_peers(Features& features, const Summary& summary, std::size_t gpu) {
  for (std::size_t other = 0; other < summary.gpus.size(); ++other) {
    const SteadyPart& peer = summary.gpus[other].phases.steady;
    if (other == gpu || peer.mean(Metric::gpu_util).value_or(0) < kBusyPeerUtil) continue;
    ++features.busy_peers;
    keep_larger(features.busiest_peer_sm_activity, peer.mean(Metric::sm_activity));
    keep_larger(features.busiest_peer_power_of_limit, power_of_limit(peer));
  }
}

}  // namespace

Features features_of(const Summary& summary, std::size_t gpu) {
  const GpuSummary& card = summary.gpus.at(gpu);
  const SteadyPart part = judged_part(card, summary);
  Features features;
  features.data_s = part.covered_s;
  features.steady_s = card.phases.steady.covered_s;
  features.gpu_util = part.mean(Metric::gpu_util);
  features.gpu_util_max = part.gpu_util_max;
  features.gpu_util_deviation = part.gpu_util_deviation;
  features.gpu_util_under_10 = part.gpu_util_under_10;
  features.memory_util = part.mean(Metric::memory_util);
  features.sm_activity = part.mean(Metric::sm_activity);
  features.tensor_activity = part.mean(Metric::tensor_activity);
  features.dram_activity = part.mean(Metric::dram_activity);
  features.fp32_activity = part.mean(Metric::fp32_activity);
  features.power_of_limit = power_of_limit(part);
  features.pcie_rx_mib_s = part.mean(Metric::pcie_rx);
  features.pcie_tx_mib_s = part.mean(Metric::pcie_tx);
  features.link_mib_s = sum(part.mean(Metric::nvlink_rx), part.mean(Metric::nvlink_tx));
  if (!features.link_mib_s) features.link_mib_s = sum(features.pcie_rx_mib_s, features.pcie_tx_mib_s);
  features.memory_full = percent_of(card.peak_memory_mib, card.memory_total_mib());
  features.power_throttled = part.power_throttled;
  features.heat_throttled = part.heat_throttled;
  if (const auto& temperature = card[Metric::temperature]) features.temperature_max_c = temperature->max;
  add_peers(features, summary, gpu);
  features.host_cpu = part.host_cpu;
  features.host_busiest_core = part.host_busiest_core;
  features.host_iowait = part.host_iowait;
  features.program = part.program;
  features.of_command = summary.of_command;
  return features;
}

}  // namespace wring
