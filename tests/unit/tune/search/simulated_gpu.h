#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include "wring/trial/trial.h"
#include "wring/tune/search/types.h"

namespace wring {

// A card that exists in these numbers alone, with a clock of its own.
struct SimulatedCard {
  // A step: a floor that hides small batches, launches, and the samples; whole waves where `wave` is more than 1.
  double launch_ms = 4;
  double sample_ms = 0.05;
  double floor_ms = 0;
  std::int64_t wave = 1;

  double fixed_mib = 900;
  double sample_mib = 20;
  double granule_mib = 2;    // the allocator's segments
  double workspace_mib = 0;  // comes on top from `workspace_from` on: a step in the line
  std::int64_t workspace_from = 0;
  double validation_mib = 0;  // while a trial validates
  std::int64_t capacity_mib = 24000;
  bool tells_memory = true;

  double slow_above = 2;  // share of the capacity from which a step takes `slow_factor` times as long
  double slow_factor = 1;
  double retries_above = 2;  // share of the capacity from which the allocator gives back and asks again

  std::map<std::int64_t, TrialOutcome> fails;  // these sizes, whatever the memory
  std::optional<std::int64_t> killed_from;     // the host's memory ends here
  std::optional<std::int64_t> soak_fails_from;

  double trial_noise = 0.003;  // relative deviation from trial to trial
  double step_noise = 0.02;    // and from step to step
  double gpu_util = 96;
  double data_wait_share = 0;

  double start_s = 4;  // of a worker
  double trial_s = 0.15;
  double timeout_s = 20;      // of a hang
  double warmup_steps = 10;   // of every trial
  double first_warmup_s = 0;  // on top, of a worker's first: libraries, algorithms
  // What a step takes longer at this time of the card's clock, for whatever else uses the machine.
  std::function<double(double now_s)> slowed;

  double step_ms(std::int64_t batch) const;
  double rate(std::int64_t batch) const { return 1000.0 * static_cast<double>(batch) / step_ms(batch); }
  double peak_mib(std::int64_t batch) const;
  bool runs(std::int64_t batch) const;
};

class SimulatedGpu : public TrialRunner {
 public:
  explicit SimulatedGpu(SimulatedCard card, unsigned seed = 1) : card_(std::move(card)), random_(seed) {}

  TrialResult run(const TrialRequest& request) override;

  double now_s() const { return now_s_; }
  SearchControl control() {
    SearchControl control;
    control.now_s = [this] { return now_s_; };
    return control;
  }
  const std::vector<TrialRequest>& asked() const { return asked_; }
  const SimulatedCard& card() const { return card_; }

  // Settings other than the batch multiply the step's time by what this says of a request.
  std::function<double(const TrialRequest&)> time_factor;

 private:
  TrialResult fail(TrialOutcome outcome, const char* message, double seconds);
  TrialResult measure(const TrialRequest& request, std::int64_t batch, double peak_mib);

  SimulatedCard card_;
  std::mt19937_64 random_;
  double now_s_ = 1000;
  bool running_ = false;  // a worker is there
  bool fresh_ = false;    // and it is new
  std::vector<TrialRequest> asked_;
};

// The value that a request sets for a key; "" where it does not.
std::string value_of(const TrialRequest& request, const std::string& key);

}  // namespace wring
