#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <ATen/core/Tensor.h>

#include "wring/base/text.h"
#include "wring/config/train_config.h"
#include "wring/console/console.h"
#include "wring_train/data/data_tier.h"
#include "wring_train/data/decoded_cache.h"
#include "wring_train/data/loader.h"
#include "wring_train/dist/host/rank_place.h"
#include "wring_train/engine/images.h"

namespace wring {

struct TrainingDataOptions {
  at::Device device = at::kCPU;
  RankPlace place;                  // this process's share of every batch
  CommonOptions common;             // for the progress bar of the decoding
  std::function<bool()> cancelled;  // asked while images are decoded
  std::function<void(const Text&)> note;
  std::function<void(const Text&)> warn;
};

// The images of a config, found and, unless the tier is none, decoded.
struct TrainingImages {
  ImageSet train;
  std::optional<ImageSet> validation;
  DataTier tier = DataTier::none;
  std::shared_ptr<const DecodedSet> decoded;      // for the loader's workers
  std::shared_ptr<const DeviceImages> on_device;  // or for the GPU, which then cuts the patches itself
  std::unique_ptr<DecodedCache> cache;            // finishes writing in the background
  std::string files_digest;                       // of the training images' files (image_digest.h)
  std::string pixels_digest;                      // of their pixels; empty where they are not decoded at the start
  std::string validation_digest;                  // of the validation images' files; empty where there are none
  double seconds = 0;
};

// With images in host memory and a GPU: whether worker threads cut the patches, which the GPU's copy engine then
// fetches, or the GPU reads them over the bus, for which it lends multiprocessors to the bus all the time. Workers do
// where the config has enough of them (measured: docs/performance.md).
bool workers_cut_for_gpu(const TrainConfig& config);

// Finds the images (data_dir/train/HR, data_dir/val/HR and their LR twins, or the *_dir keys), reports what is skipped,
// chooses the tier by data_cache and the memory there is, says which and why, and decodes the images or takes them from
// the cache on disk. May run beside the making of the engine. Throws Error naming the folder or key and the cure.
TrainingImages open_training_images(const TrainConfig& config, const TrainingDataOptions& options);

// The batches of a run and, where the data have one, the validation set.
struct TrainingData {
  SamplerSettings samples;  // of every batch, for the loader and for a device that cuts them
  std::unique_ptr<Loader> loader;
  std::optional<ImageSet> validation;
  std::shared_ptr<const DeviceImages> on_device;  // set: batches have no bytes; give it to the engine's use_images()
  std::unique_ptr<DecodedCache> cache;
};

// `first_step`: batches already used, when a run is resumed.
TrainingData start_loading(TrainingImages images, const TrainConfig& config, const TrainingDataOptions& options,
                           std::int64_t first_step);

// Page-locked host memory, which the GPU copies from without waiting for the CPU.
std::shared_ptr<std::uint8_t> pinned_bytes(std::size_t bytes);

}  // namespace wring
