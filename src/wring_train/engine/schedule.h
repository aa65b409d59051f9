#pragma once
#include <cstdint>

#include "wring/config/train_config.h"

namespace wring {

// The learning rate of optimiser step `step` (from 0): linear warm-up over warmup_iters (step 0 gets
// lr / warmup_iters), then the schedule: cosine from lr to eta_min over the rest of the run, multistep (× gamma at
// each milestone), or constant.
double learning_rate(const TrainConfig& config, std::int64_t step);

}  // namespace wring
