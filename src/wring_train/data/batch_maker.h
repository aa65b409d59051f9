#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "wring_train/data/buffer_pool.h"
#include "wring_train/data/image_store.h"
#include "wring_train/data/loader.h"

namespace wring {

// Makes batch k of a Loader, from any thread: what a batch holds, without when and where it is made.
class BatchMaker {
 public:
  // Throws Error{usage} for options that do not fit each other or the data set.
  BatchMaker(ImageSet images, const LoaderOptions& options);

  std::int64_t steps_per_epoch() const { return steps_per_epoch_; }
  std::size_t image_count() const { return store_.size(); }

  // nullopt when `stop` was set meanwhile. Throws Error{failed} when no usable image is left.
  std::optional<Batch> make(std::int64_t step, const std::atomic<bool>& stop);

 private:
  // The image that sample `position` of the epoch shows: the next usable one in the epoch's order. Which
  // images are usable depends on the files alone, so every thread finds the same.
  std::shared_ptr<const ImageStore::Decoded> find_image(std::uint64_t epoch, std::uint64_t position);
  void cut_sample(const ImageStore::Decoded& image, std::uint64_t sample, std::uint8_t* hr, std::uint8_t* lr) const;

  const LoaderOptions options_;
  const int lr_patch_;
  ImageStore store_;
  std::uint64_t epoch_samples_ = 0;
  std::int64_t steps_per_epoch_ = 0;
  std::shared_ptr<BufferPool> hr_buffers_;
  std::shared_ptr<BufferPool> lr_buffers_;
};

}  // namespace wring
