#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "wring_train/data/buffer_pool.h"
#include "wring_train/data/image_store.h"
#include "wring_train/data/loader.h"
#include "wring_train/data/sampling.h"

namespace wring {

// What decides the samples that a loader with these options gives.
SamplerSettings sampler_settings(const LoaderOptions& options, std::size_t image_count);

// Makes batch k of a Loader, from any thread: what a batch holds, without when and where it is made.
class BatchMaker {
 public:
  // Throws Error{usage} for options that do not fit each other or the data set.
  BatchMaker(ImageSet images, const LoaderOptions& options);

  std::int64_t steps_per_epoch() const { return static_cast<std::int64_t>(sampler_.steps_per_epoch()); }
  std::size_t image_count() const { return store_.size(); }

  // nullopt when `stop` was set meanwhile. Throws Error{failed} when no usable image is left.
  std::optional<Batch> make(std::int64_t step, const std::atomic<bool>& stop);

 private:
  // Which images are usable depends on the files alone, so every thread finds the same.
  std::shared_ptr<const ImageStore::Decoded> image_of(const SamplePlace& place);
  void cut_sample(const ImageStore::Decoded& image, std::uint64_t sample, std::uint8_t* hr, std::uint8_t* lr) const;

  const LoaderOptions options_;
  const int lr_patch_;
  ImageStore store_;
  SamplerSettings sampler_;
  std::shared_ptr<BufferPool> hr_buffers_;
  std::shared_ptr<BufferPool> lr_buffers_;
};

}  // namespace wring
