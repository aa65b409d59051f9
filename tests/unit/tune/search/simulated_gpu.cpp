#include "unit/tune/search/simulated_gpu.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "wring/tune/statistics.h"

namespace wring {

double SimulatedCard::step_ms(std::int64_t batch) const {
  const std::int64_t filled = (batch + wave - 1) / wave * wave;
  double ms = std::max(floor_ms, launch_ms + sample_ms * static_cast<double>(filled));
  if (peak_mib(batch) > slow_above * static_cast<double>(capacity_mib)) ms *= slow_factor;
  return ms;
}

double SimulatedCard::peak_mib(std::int64_t batch) const {
  double mib = fixed_mib + sample_mib * static_cast<double>(batch);
  if (workspace_mib > 0 && batch >= workspace_from) mib += workspace_mib;
  return std::ceil(mib / granule_mib) * granule_mib;
}

bool SimulatedCard::runs(std::int64_t batch) const {
  const auto failing = fails.find(batch);
  if (failing != fails.end() || (killed_from && batch >= *killed_from)) return false;
  return peak_mib(batch) <= static_cast<double>(capacity_mib);
}

std::string value_of(const TrialRequest& request, const std::string& key) {
  std::string value;
  for (const Assignment& one : request.set) {
    if (one.key == key) value = one.value;
  }
  return value;
}

TrialResult SimulatedGpu::fail(TrialOutcome outcome, const char* message, double seconds) {
  running_ = false;
  now_s_ += seconds;
  TrialResult result;
  result.outcome = outcome;
  result.message = message;
  result.seconds = seconds;
  return result;
}

TrialResult SimulatedGpu::run(const TrialRequest& request) {
  asked_.push_back(request);
  const std::int64_t batch = std::stoll(value_of(request, "batch_size"));
  const double began = now_s_;
  fresh_ = !running_;
  if (fresh_) now_s_ += card_.start_s;
  running_ = true;
  const double capacity = static_cast<double>(card_.capacity_mib);
  const double peak = card_.peak_mib(batch) + (request.measure.validate ? card_.validation_mib : 0);
  const auto outcome = [&]() -> TrialResult {
    if (const auto found = card_.fails.find(batch); found != card_.fails.end()) {
      if (found->second == TrialOutcome::hang) return fail(TrialOutcome::hang, "no event for 20 s", card_.timeout_s);
      if (found->second == TrialOutcome::error) return fail(TrialOutcome::error, "Expected more than 1 value", 0.3);
      if (found->second == TrialOutcome::killed) return fail(TrialOutcome::killed, "signal 9", 1);
      return fail(TrialOutcome::oom, "CUDA out of memory. Tried to allocate 2.00 GiB", 0.5);
    }
    if (card_.killed_from && batch >= *card_.killed_from) return fail(TrialOutcome::killed, "signal 9", 1);
    const bool soak_fails = request.measure.validate && card_.soak_fails_from && batch >= *card_.soak_fails_from;
    if (peak > capacity || soak_fails) {
      return fail(TrialOutcome::oom, "CUDA out of memory. Tried to allocate 20.00 MiB", 0.5);
    }
    return measure(request, batch, peak);
  };
  TrialResult result = outcome();
  // Whatever it was about to say, the supervisor ended it before.
  if (request.time_limit_s && now_s_ > began + *request.time_limit_s) {
    now_s_ = began;
    result = fail(TrialOutcome::cut_off, "measure", *request.time_limit_s);
  }
  result.seconds = now_s_ - began;
  return result;
}

TrialResult SimulatedGpu::measure(const TrialRequest& request, std::int64_t batch, double peak_mib) {
  std::normal_distribution<double> normal;
  double ms = card_.step_ms(batch) * (1 + card_.trial_noise * normal(random_));
  if (time_factor) ms *= time_factor(request);
  const auto slowed = [&] { return card_.slowed ? card_.slowed(now_s_) : 1.0; };
  TrialResult result;
  now_s_ += card_.trial_s;
  result.warmup_s = std::max(0.2, card_.warmup_steps * ms * slowed() / 1000) + (fresh_ ? card_.first_warmup_s : 0);
  now_s_ += result.warmup_s;
  std::vector<double> steps;
  const double began = now_s_;
  const TrialMeasure& measure = request.measure;
  const auto narrow = [&] {
    const double half =
        1.96 * kMedianError * kMadToDeviation * mad_of(steps) / std::sqrt(static_cast<double>(steps.size()));
    return steps.size() >= 6 && half <= measure.rel_ci * median_of(steps);
  };
  // As many steps between two looks at the clock as take 30 ms, as the worker does.
  const int group = std::clamp(static_cast<int>(30 / ms), 1, 50);
  while (true) {
    for (int i = 0; i < group; ++i) {
      steps.push_back(ms * slowed() * std::max(0.2, 1 + card_.step_noise * normal(random_)));
      now_s_ += steps.back() / 1000;
    }
    const double measured_s = now_s_ - began;
    const auto count = static_cast<std::int64_t>(steps.size());
    const bool is_known = count >= measure.min_steps && measured_s >= measure.min_seconds && narrow();
    if (count >= 2 && (is_known || measured_s >= measure.max_seconds)) break;
  }

  result.step_ms = {median_of(steps), mad_of(steps), 0, static_cast<std::int64_t>(steps.size())};
  result.samples_per_s = 1000.0 * static_cast<double>(batch) / result.step_ms.median;
  result.data_wait_ms = card_.data_wait_share * result.step_ms.median;
  result.utilisation.gpu_util = card_.gpu_util;
  if (card_.tells_memory) {
    const double capacity = static_cast<double>(card_.capacity_mib);
    result.memory.peak_reserved_mib = static_cast<std::int64_t>(peak_mib);
    result.memory.peak_allocated_mib = static_cast<std::int64_t>(0.9 * peak_mib);
    result.memory.alloc_retries = peak_mib > card_.retries_above * capacity ? 7 : 0;
    result.memory.device_total_mib = card_.capacity_mib;
    result.memory.device_free_mib = card_.capacity_mib - static_cast<std::int64_t>(peak_mib);
  }
  return result;
}

}  // namespace wring
