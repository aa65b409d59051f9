#pragma once
#include <cstdint>
#include <memory>
#include <optional>

#include "wring/config/train_config.h"
#include "wring/trial/trial.h"
#include "wring/tune/host_memory.h"
#include "wring/tune/search/batch_search.h"

namespace wring {

// What the search needs to know of the data.
struct SampleData {
  double bytes = 0;                                  // of one sample as it leaves the loader; 0: not known
  std::optional<std::int64_t> host_available_bytes;  // for the loader's queues
};

struct OptimalBatchSize {
  std::int64_t batch_size = 0;
  BatchSearchResult stats;
};

// The guide's helper, over anything that runs trials:
//
//   BatchSizeOptimizer optimizer(runner, config);
//   const auto [batch_size, stats] = optimizer.find_optimal_batch_size(sample_data, 85.0);
//
// For a LibTorch module, module_runner() of wring_train/measure/module_runner.h makes the runner.
class BatchSizeOptimizer {
 public:
  // `runner` outlives this object.
  BatchSizeOptimizer(TrialRunner& runner, TrainConfig config, BatchSearchOptions options = {},
                     SearchControl control = {});
  // Owns the runner.
  BatchSizeOptimizer(std::unique_ptr<TrialRunner> runner, TrainConfig config, BatchSearchOptions options = {},
                     SearchControl control = {});

  // Searches from config.batch_size. `sample_data` caps the batch by the host's memory;
  // `target_gpu_util` (per cent) is reported against in `stats`. Throws Error{failed} with the reason when no batch
  // runs, Error{interrupted} when it was ended before one did.
  OptimalBatchSize find_optimal_batch_size(const SampleData& sample_data = {}, double target_gpu_util = 85.0);

 private:
  std::unique_ptr<TrialRunner> owned_;
  TrialRunner* runner_;
  TrainConfig config_;
  BatchSearchOptions options_;
  SearchControl control_;
};

}  // namespace wring
