#include "wring/monitor/features.h"

#include <algorithm>

namespace wring {
namespace {

constexpr double busy_peer_util = 20;  // a card below this takes no part in the work

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

std::optional<double> power_of_limit(const GpuSummary& card) {
  return percent_of(card.mean(Metric::power), card.mean(Metric::power_limit));
}

void keep_larger(std::optional<double>& kept, std::optional<double> value) {
  if (value) kept = std::max(kept.value_or(*value), *value);
}

}  // namespace

Features features_of(const Summary& summary, std::size_t gpu) {
  const GpuSummary& card = summary.gpus.at(gpu);
  Features features;
  if (const auto& util = card[Metric::gpu_util]) {
    features.data_s = util->coverage * summary.duration_s;
    features.gpu_util = util->mean;
    features.gpu_util_max = util->max;
    features.gpu_util_deviation = util->deviation;
    features.gpu_util_under_10 = 100 * util->under_10_share;
  } else if (const auto& activity = card[Metric::sm_activity]) {  // a MIG instance has no GPU-Util
    features.data_s = activity->coverage * summary.duration_s;
  }
  features.memory_util = card.mean(Metric::memory_util);
  features.sm_activity = card.mean(Metric::sm_activity);
  features.tensor_activity = card.mean(Metric::tensor_activity);
  features.dram_activity = card.mean(Metric::dram_activity);
  features.fp32_activity = card.mean(Metric::fp32_activity);
  features.power_of_limit = power_of_limit(card);
  features.pcie_rx_mib_s = card.mean(Metric::pcie_rx);
  features.pcie_tx_mib_s = card.mean(Metric::pcie_tx);
  features.link_mib_s = sum(card.mean(Metric::nvlink_rx), card.mean(Metric::nvlink_tx));
  if (!features.link_mib_s) features.link_mib_s = sum(card.mean(Metric::pcie_rx), card.mean(Metric::pcie_tx));
  features.memory_full = percent_of(card.peak_memory_mib, card.memory_total_mib());
  features.power_throttled = 100 * card.power_throttled_share;
  features.heat_throttled = 100 * card.heat_throttled_share;
  if (const auto& temperature = card[Metric::temperature]) features.temperature_max_c = temperature->max;

  for (std::size_t other = 0; other < summary.gpus.size(); ++other) {
    const GpuSummary& peer = summary.gpus[other];
    if (other == gpu || peer.mean(Metric::gpu_util).value_or(0) < busy_peer_util) continue;
    ++features.busy_peers;
    keep_larger(features.busiest_peer_sm_activity, peer.mean(Metric::sm_activity));
    keep_larger(features.busiest_peer_power_of_limit, power_of_limit(peer));
  }
  features.host_cpu = mean_of(summary.host_cpu);
  features.host_busiest_core = mean_of(summary.host_busiest_core);
  features.host_iowait = mean_of(summary.host_iowait);
  return features;
}

}  // namespace wring
