#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "wring/base/text.h"
#include "wring/config/train_config.h"
#include "wring_train/data/loader.h"

namespace wring {

// The training loader and, where the data have one, the validation set of a config.
struct TrainingData {
  std::unique_ptr<Loader> loader;
  std::optional<ImageSet> validation;
};

struct TrainingDataOptions {
  std::int64_t first_step = 0;  // batches already used, when a run is resumed
  bool on_gpu = false;          // pin_memory has a meaning only there
  std::function<void(const Text&)> note;
  std::function<void(const Text&)> warn;
};

// Finds the images (data_dir/train/HR, data_dir/val/HR and their LR twins, or the *_dir keys), reports what is skipped,
// and decides whether decoded images stay in memory. Throws Error naming the folder or key and the cure.
TrainingData open_training_data(const TrainConfig& config, const TrainingDataOptions& options);

// Page-locked host memory, which the GPU copies from without waiting for the CPU.
std::shared_ptr<std::uint8_t> pinned_bytes(std::size_t bytes);

}  // namespace wring
