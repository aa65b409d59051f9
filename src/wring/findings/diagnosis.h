#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "wring/config/train_config.h"
#include "wring/findings/finding.h"
#include "wring/trial/trial.h"

namespace wring {

// What was measured. Everything but `real` may be absent, and then supports no rule.
struct DiagnosisInput {
  TrainConfig config;                   // that was measured
  TrialResult real;                     // with the loader, as in training
  std::optional<TrialResult> resident;  // one batch that stays on the device
  std::optional<TrialResult> loader;    // no step at all
  std::optional<TrialResult> eager;     // resident, with compile_model: false
  std::optional<TrialResult> graph;     // resident, with compile_model: true
  std::optional<TrialResult> larger;    // resident, with `larger_batch`
  std::optional<TrialResult> mixed;     // resident, with use_mixed_precision: true
  std::optional<std::int64_t> larger_batch;
  std::optional<double> kernel_busy_percent;  // of the resident step in which any kernel ran
  std::optional<double> throttled_percent;    // of the time, by heat or power
  std::optional<bool> throttled_by_heat;      // else by power
  int cpu_cores = 0;                          // that the training may use; 0: not known
  double sample_bytes = 0;
  std::optional<std::int64_t> host_available_bytes;
};

// Thresholds, per cent; the reasons stand in diagnosis.cpp.
namespace diagnosis_thresholds {
inline constexpr double data_wait = 5;
inline constexpr double loader_headroom = 10;
inline constexpr double gap = 10;
inline constexpr double graph_gain = 10;
inline constexpr double kernels_idle = 90;
inline constexpr double larger_gain = 10;
inline constexpr double mixed_gain = 15;
inline constexpr double low_util = 50;
inline constexpr double low_sm = 50;
inline constexpr double dram_bound = 60;
inline constexpr double tensor_busy = 50;
inline constexpr double sm_busy = 80;
inline constexpr double attained = 55;
inline constexpr double throttled = 20;
inline constexpr double heat_throttled = 5;
inline constexpr double memory_full = 90;
}  // namespace diagnosis_thresholds

// What the measurements say, the dominant cause first (by the time that it costs, then by confidence). Empty only where
// `real` did not run or nothing supports a verdict.
std::vector<Finding> diagnose(const DiagnosisInput& input);

}  // namespace wring
