#include "wring/tune/search/batch_size_optimizer.h"

#include <utility>

#include "wring/base/error.h"

namespace wring {

BatchSizeOptimizer::BatchSizeOptimizer(TrialRunner& runner, TrainConfig config, BatchSearchOptions options,
                                       SearchControl control)
    : runner_(&runner), config_(std::move(config)), options_(std::move(options)), control_(std::move(control)) {}

BatchSizeOptimizer::BatchSizeOptimizer(std::unique_ptr<TrialRunner> runner, TrainConfig config,
                                       BatchSearchOptions options, SearchControl control)
    : owned_(std::move(runner)),
      runner_(owned_.get()),
      config_(std::move(config)),
      options_(std::move(options)),
      control_(std::move(control)) {}

OptimalBatchSize BatchSizeOptimizer::find_optimal_batch_size(const SampleData& sample_data, double target_gpu_util) {
  BatchSearchOptions options = options_;
  options.start_batch = config_.batch_size;
  options.target_gpu_util = target_gpu_util;
  const LoaderQueues queues{config_.num_workers, config_.prefetch_factor, sample_data.bytes};
  if (const auto limit = host_memory_limit(queues, sample_data.host_available_bytes)) options.host_batch_limit = limit;

  BatchSearchResult stats = search_batch(*runner_, options, control_);
  if (!stats.batch) {
    if (stats.cancelled) throw Error(ErrorCode::interrupted, stats.reason);
    throw Error(ErrorCode::failed, stats.reason,
                {"lower patch_size, base_channels or num_blocks, or see the message above",
                 "请减小 patch_size、base_channels 或 num_blocks，或参照上面的信息"});
  }
  return {*stats.batch, std::move(stats)};
}

}  // namespace wring
