#pragma once
#include <functional>
#include <memory>

#include <ATen/core/Tensor.h>

#include "wring/base/device.h"
#include "wring/config/train_config.h"
#include "wring/console/console.h"
#include "wring_train/dist/ranks.h"

namespace wring {

struct TrainingRanks {
  at::Device device = at::kCPU;
  std::unique_ptr<Ranks> ranks;
};

// What every process of a run begins with: finds its place in the launcher's variables, takes its own GPU (which is
// then the only one that this process sees, as device 0), and meets the others, who must have the same config
// (rank_facts.h). Without a launcher: alone. Throws Error that names the variable, the missing GPU, the missing rank or
// what differs. Before anything uses CUDA.
TrainingRanks start_ranks(Device wanted, const TrainConfig& config, const CommonOptions& common);

// Runs `work`; the other ranks hear of what it throws, or wait for each other's end where it returns.
int run_in_ranks(Ranks& ranks, const std::function<int()>& work);

}  // namespace wring
