#pragma once
#include <optional>
#include <vector>

#include "wring/findings/attainable.h"
#include "wring/findings/diagnosis.h"

namespace wring {

// Percent, or not read.
using Percent = std::optional<double>;

bool ran(const std::optional<TrialResult>& result);

// 0.25 → 25.
double percent(double share);

// How sure a rule is: 0.5 at its threshold, rising to 0.95 at `sure`.
double confidence_of(double value, double threshold, double sure);

// The rules of one diagnosis, each adding a verdict where its evidence is there. Those of the host (data, transfer,
// launches) stand in diagnosis_host.cpp, those of the card in diagnosis_card.cpp, whether its kernels are good ones in
// diagnosis_kernels.cpp.
class DiagnosisRules {
 public:
  explicit DiagnosisRules(const DiagnosisInput& input) : in_(input) {}

  std::vector<Finding> all();

 private:
  // A verdict and the share of the step's time that it costs (per cent), by which verdicts are ordered.
  struct Weighed {
    Finding finding;
    double cost = 0;
  };

  Finding& add(std::string_view key, double cost, double sure, Text numbers, Text rule, Text next_step);
  bool has(std::string_view key) const;
  double wait_percent() const;
  // What the step alone makes beyond what it makes with the loader, in per cent of its own rate.
  double lost_percent() const;
  // The loader's rate over the step's, less one: negative where it cannot keep up.
  std::optional<double> headroom_percent() const;
  Text three_rates() const;
  void data_bound();
  // More workers as far as there are cores and memory; else images decoded once.
  void feed_the_step(Finding& found, double headroom) const;
  void transfer_bound();
  void launch_bound();
  // What a captured step makes beyond one whose kernels are launched one by one, per cent.
  Percent graph_gain() const;
  Text graph_rates() const;
  // Whether the graph's gain is one of launches: not where the profiler saw kernels all the time.
  bool kernels_fill_the_step() const;
  void too_small();
  void precision_bound();
  void throttled();
  const TrialUtilisation& load() const { return ran(in_.resident) ? in_.resident->utilisation : in_.real.utilisation; }
  void memory_bandwidth_bound();
  // Far below the attainable rate, with what the kernels do instead.
  void slow_kernels();
  std::vector<Assignment> kernel_cures() const;
  Text without_a_cure() const;
  // Whether the change of this cause's verdict was tried beside the config as it is.
  bool was_measured(std::string_view key) const;
  Text slow_rule(bool far, bool elsewhere) const;
  // Good: near the attainable rate.
  void compute_bound();
  // Of the step on a resident batch.
  std::optional<Attainable> attained() const;
  // Whether 16 bits might help and were not tried.
  bool untried_precision() const;
  // "a step needs 15.8 TFLOP in bf16, …; of the step convolutions and products take 58 %, …; GPU-Util 99 %, …"
  Text arithmetic_and_activity() const;
  // What the card itself takes of the step: all that is not lost before it.
  double own_share() const;
  Text activity() const;

  const DiagnosisInput& in_;
  std::vector<Weighed> found_;
};

}  // namespace wring
