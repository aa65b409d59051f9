#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wring/trial/trial.h"

namespace wring {

struct BatchSearchOptions {
  std::string batch_key = "batch_size";  // the config's key for it
  std::int64_t start_batch = 16;         // the config's own
  std::vector<Assignment> set;           // of every trial, beside the batch
  TrialData data = TrialData::real;

  double epsilon = 0.025;                        // rates closer than this are the same, and the smaller batch is taken
  double budget_s = 30;                          // for everything, the soak included; what runs then is ended
  std::optional<double> stated_budget_s;         // what the user gave for more than the search, and reads of again
  std::int64_t max_batch = 8192;                 // beyond it no photograph trainer was ever seen to gain
  std::int64_t min_batch = 1;                    // the config's own batch here never recommends a smaller one
  std::optional<std::int64_t> host_batch_limit;  // host_memory_limit(): what the loader's queues can hold
  std::optional<std::int64_t> natural_multiple;  // sizes of which the card does in whole waves; a hint

  std::optional<std::int64_t> device_memory_mib;  // what may be used; else from the trials themselves
  std::int64_t min_reserve_mib = 256;             // for fragmentation, whatever the line's residual is
  std::int64_t validation_spike_mib = 0;          // known beforehand; what a trial shows counts where it is more

  std::int64_t soak_steps = 500;      // at most; fewer where the budget ends before
  std::int64_t min_soak_steps = 100;  // a soak of fewer says so
  bool soak = true;
  bool starts_anew = false;  // each trial starts its program: what one costs hardly depends on its step
  bool validates = true;     // the runner has a validation in a soak's middle; false: a soak is one more trial

  std::optional<double> target_gpu_util;  // per cent: reported against
};

}  // namespace wring
