#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "wring_train/data/buffer_pool.h"
#include "wring_train/data/image_files.h"
#include "wring_train/data/loader.h"
#include "wring_train/data/sampling.h"

namespace wring {

// What decides the samples that a loader with these options gives.
SamplerSettings sampler_settings(const LoaderOptions& options);

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

  const SamplerSettings& sampler() const { return sampler_; }

  // nullopt when `stop` was set meanwhile. Throws Error{failed} when no usable image is left.
  std::optional<Batch> make(std::int64_t step, const std::atomic<bool>& stop);

 private:
  void go_on_from_files();
  void cut_decoded(std::int64_t step, int i, std::uint8_t* hr, std::uint8_t* lr) const;
  void cut_from_files(std::int64_t step, int i, std::uint8_t* hr, std::uint8_t* lr);
  [[noreturn]] void none_usable() const;

  const LoaderOptions options_;
  const int lr_patch_;
  const std::size_t image_count_;
  const std::uint64_t epoch_samples_;  // images × enlarge ratio
  SamplerSettings sampler_;
  std::shared_ptr<const DecodedSet> decoded_;
  bool any_decoded_ = false;         // some image of decoded_ can be used
  ImageSet images_;                  // of decoded_, to go on from when its cache file is lost
  std::optional<ImageFiles> files_;  // without decoded_, or after its loss
  std::once_flag fall_back_;
  std::shared_ptr<BufferPool> hr_buffers_;
  std::shared_ptr<BufferPool> lr_buffers_;
};

}  // namespace wring
