#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "wring/base/text.h"
#include "wring_train/data/batch.h"
#include "wring_train/data/buffer_pool.h"
#include "wring_train/data/dataset.h"
#include "wring_train/data/decoded_set.h"
#include "wring_train/data/image_files.h"
#include "wring_train/data/sampling.h"

namespace wring {

struct LoaderOptions {
  SamplerSettings samples;         // that the batches hold
  int num_workers = 0;             // 0: batches are made in next(), in the caller's thread
  int prefetch_factor = 2;         // finished batches kept ready per worker
  bool persistent_workers = true;  // false: worker threads end where an epoch begins, and start anew
  int enlarge_ratio = 1;           // every image counts this often in an epoch
  std::int64_t first_step = 0;     // resume: the batch that next() gives first
  // The images, decoded (the caller decides whether they fit). Without it, cache_decoded says whether the loader
  // decodes them itself before the first batch, or each file anew for every sample.
  std::shared_ptr<const DecodedSet> decoded;
  bool cache_decoded = true;
  // Batches have no bytes: the device cuts them by their step. Needs no workers.
  bool without_bytes = false;
  // Where batches live, for example pinned memory; the deleter travels with the pointer. Empty: ordinary
  // memory.
  std::function<std::shared_ptr<std::uint8_t>(std::size_t bytes)> allocate;
  // Called once per image that turns out corrupt or truncated while training, from any thread.
  std::function<void(const SkippedImage&)> on_skip;
  // What else the user should know, from any thread.
  std::function<void(const Text&)> note;
};

// Makes batch k of a Loader, from any thread: what a batch holds, without when and where it is made.
class BatchMaker {
 public:
  // Throws Error{usage} for options that do not fit each other, or where there is no image.
  BatchMaker(ImageSet images, const LoaderOptions& options);

  // Epochs that have passed before batch `step`.
  double epochs_before(std::int64_t step) const;
  // The first batch that begins in another epoch than batch `step` does.
  std::int64_t next_epoch(std::int64_t step) const;
  std::size_t image_count() const { return image_count_; }

  // nullopt when `stop` was set meanwhile. Throws Error{failed} when no usable image is left.
  std::optional<Batch> make(std::int64_t step, const std::atomic<bool>& stop);

 private:
  void go_on_from_files();
  void cut_decoded(std::int64_t step, int i, std::uint8_t* hr, std::uint8_t* lr) const;
  void cut_from_files(std::int64_t step, int i, std::uint8_t* hr, std::uint8_t* lr);
  [[noreturn]] void none_usable() const;

  const LoaderOptions options_;
  const SamplerSettings& samples_;  // of options_
  const std::size_t image_count_;
  const std::uint64_t epoch_samples_;  // images × enlarge ratio
  std::shared_ptr<const DecodedSet> decoded_;
  bool any_decoded_ = false;         // some image of decoded_ can be used
  ImageSet images_;                  // of decoded_, to go on from when its cache file is lost
  std::optional<ImageFiles> files_;  // without decoded_, or after its loss
  std::once_flag fall_back_;
  std::shared_ptr<BufferPool> hr_buffers_;
  std::shared_ptr<BufferPool> lr_buffers_;
};

}  // namespace wring
