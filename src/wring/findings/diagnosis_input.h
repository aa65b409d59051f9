#pragma once
#include <cstdint>
#include <optional>

#include "wring/base/text.h"
#include "wring/config/train_config.h"
#include "wring/findings/attainable.h"
#include "wring/trial/trial.h"

namespace wring {

// Lines that several rules of a diagnosis compare with, per cent; a cause's own stand in its file.

// A loader that makes less than this much more than the step needs alone stalls it whenever it stutters.
inline constexpr double kLoaderHeadroom = 10;
// What is lost between parts that are fast enough alone: the line of TensorBoard's profiler for communication.
inline constexpr double kClearGap = 10;
// One graph a step removes the launches, so where kernels do not fill the step what it gains was launching. Where they
// do, it gains by other kernels: it runs fused ones where the step allows them.
inline constexpr double kGraphGains = 10;
// In a step on a resident batch the card has no one to wait for but the host that launches.
inline constexpr double kKernelsFill = 90;
// Of the step from which on a kind of kernel is named.
inline constexpr double kNamedPercent = 3;

bool ran(const std::optional<TrialResult>& result);

// 0.25 → 25.
double percent(double share);

// How sure a rule is: 0.5 at its threshold, rising to 0.95 at `sure`.
double confidence_of(double value, double threshold, double sure);

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

  double wait_percent() const;
  // What the step alone makes beyond what it makes with the loader, in per cent of its own rate.
  double lost_percent() const;
  // The loader's rate over the step's, less one: negative where it cannot keep up.
  std::optional<double> headroom_percent() const;
  // What a captured step makes beyond one whose kernels are launched one by one, per cent.
  std::optional<double> graph_gain() const;
  // Whether the graph's gain is one of launches: not where the profiler saw kernels all the time.
  bool kernels_fill_the_step() const;
  const TrialUtilisation& load() const { return ran(resident) ? resident->utilisation : real.utilisation; }
  // Of the step on a resident batch.
  std::optional<Attainable> attained() const;
  // Whether 16 bits might help and were not tried.
  bool untried_precision() const;

  Text three_rates() const;
  Text graph_rates() const;
  // "a step needs 15.8 TFLOP in bf16, …; of the step convolutions and products take 58 %, …; GPU-Util 99 %, …"
  Text arithmetic_and_activity() const;
};

}  // namespace wring
