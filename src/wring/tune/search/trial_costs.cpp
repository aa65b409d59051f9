#include "wring/tune/search/trial_costs.h"

#include <algorithm>

#include "wring/tune/statistics.h"

namespace wring {
namespace {

// A warm-up ends after about this many steps where nothing else was seen.
constexpr double kUsualWarmupSteps = 10;

}  // namespace

void TrialCosts::learn(const TrialResult& result, double seconds) {
  ran_ = ran_ || result.outcome == TrialOutcome::ok;
  if (result.reused) return;  // it cost nothing, and started nothing
  const bool started_a_worker = fresh_;
  fresh_ = starts_anew_ || result.outcome != TrialOutcome::ok;
  if (result.outcome != TrialOutcome::ok) return;  // how long a failure takes says nothing of a success
  const double step_s = result.step_ms.median / 1000;
  const double measured_s = starts_anew_ ? 0 : step_s * static_cast<double>(result.step_ms.n);
  const double fixed_s = std::max(0.0, seconds - result.warmup_s - measured_s);
  (started_a_worker ? start_s_ : fixed_s_).push_back(fixed_s);
  if (started_a_worker && !starts_anew_) return;
  warmup_s_.push_back(result.warmup_s);
  if (step_s > 0) warmup_steps_.push_back(result.warmup_s / step_s);
}

double TrialCosts::start_due_s() const {
  return fresh_ && !starts_anew_ ? std::max(0.0, median_of(start_s_) - median_of(fixed_s_)) : 0;
}

double TrialCosts::predict_s(double step_ms, double measured_s) const {
  const double step_s = step_ms / 1000;
  double warmup_s = kUsualWarmupSteps * step_s;
  if (!warmup_steps_.empty()) {
    // A short step warms up for a time, a long one for a number of steps.
    warmup_s = std::min(std::ranges::min(warmup_steps_) * step_s, std::max(std::ranges::max(warmup_s_), warmup_s));
  }
  return starts_anew_ ? median_of(start_s_) + warmup_s : median_of(fixed_s_) + warmup_s + measured_s;
}

}  // namespace wring
