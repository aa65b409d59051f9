#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "wring/base/text.h"
#include "wring/config/patcher.h"
#include "wring/config/train_config.h"
#include "wring/plan/run_length.h"

namespace wring {

struct BatchAdviceOptions {
  bool scale_lr = false;              // write the learning rate that the rule gives
  bool keep_effective_batch = false;  // the same samples an optimiser step, by accumulation
  bool same_samples = false;          // scale the run so that it sees as many samples as before
  int ranks = 1;                      // batch_size is of each
  bool ours = true;                   // wring train reads the config: the length of its run is known
  bool lr_named = true;               // the config has a learning rate; without one there is nothing to advise on
  bool optimizer_named = true;        // it says which optimiser it is for, or wring train's default counts
};

enum class LrRule { square_root, linear };

// The square root for the Adam family (adam, adamw, adan, lamb, …), linear for SGD.
LrRule lr_rule(const std::string& optimizer);

// What goes with a new batch.
struct BatchAdvice {
  LrRule rule = LrRule::square_root;
  double old_effective_batch = 0;  // samples an optimiser step, of all ranks
  double new_effective_batch = 0;
  std::int64_t accumulation = 1;
  double lr_factor = 1;     // by the rule, of the effective batches
  double suggested_lr = 0;  // two digits, as a person writes it
  RunLength run_before;     // of the whole run
  RunLength run_after;
  std::vector<Assignment> changes;  // batch_size; gradient_accumulation_steps, lr and the run's steps where the options
                                    // ask for them
  std::vector<Text> advice;         // what it means; empty where nothing changes
};

BatchAdvice advise_batch(const TrainConfig& config, std::int64_t new_batch, const BatchAdviceOptions& options = {});

}  // namespace wring
