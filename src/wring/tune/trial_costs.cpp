#include "wring/tune/trial_costs.h"

#include <algorithm>

#include "wring/tune/statistics.h"

namespace wring {
namespace {

// A warm-up ends after about this many steps where nothing else was seen.
constexpr double kUsualWarmupSteps = 10;

}  // namespace

void TrialCosts::learn(const TrialResult& result, double seconds) {
  const bool started_a_worker = fresh_;
  fresh_ = result.outcome != TrialOutcome::ok;
  if (fresh_) return;  // how long a failure takes says nothing of a success
  const double step_s = result.step_ms.median / 1000;
  const double measured_s = step_s * static_cast<double>(result.step_ms.n);
  const double fixed_s = std::max(0.0, seconds - result.warmup_s - measured_s);
  if (started_a_worker && first_fixed_s_ == 0) {
    first_fixed_s_ = fixed_s;
    if (fixed_s_.empty()) fixed_s_.push_back(fixed_s);
  } else if (fixed_s_.size() == 1 && fixed_s_.front() == first_fixed_s_) {
    fixed_s_.front() = fixed_s;  // the first was with the start
  } else {
    fixed_s_.push_back(fixed_s);
  }
  if (step_s > 0) warmup_steps_.push_back(result.warmup_s / step_s);
  longest_warmup_s_ = std::max(longest_warmup_s_, result.warmup_s);
}

double TrialCosts::fixed_s() const {
  return fresh_ ? std::max(first_fixed_s_, median_of(fixed_s_)) : median_of(fixed_s_);
}

double TrialCosts::predict_s(double step_ms, double measured_s) const {
  const double step_s = step_ms / 1000;
  double warmup_s = kUsualWarmupSteps * step_s;
  if (!warmup_steps_.empty()) {
    // A short step warms up for a time, a long one for a number of steps.
    warmup_s = std::min(*std::ranges::min_element(warmup_steps_) * step_s, std::max(longest_warmup_s_, warmup_s));
  }
  return fixed_s() + warmup_s + measured_s;
}

}  // namespace wring
