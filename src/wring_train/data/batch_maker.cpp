#include "wring_train/data/batch_maker.h"

#include <utility>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring_train/data/bicubic.h"
#include "wring_train/data/patch.h"
#include "wring_train/data/random.h"
#include "wring_train/data/sampling.h"

namespace wring {
namespace {

const LoaderOptions& checked(const LoaderOptions& options) {
  const auto require = [](bool holds, const char* key, int value, const char* rule) {
    if (!holds)
      throw Error(ErrorCode::usage, fmt::format("{} is {}", key, value), fmt::format("{} must be {}", key, rule));
  };
  require(options.scale >= 1, "scale_factor", options.scale, "1 or more");
  require(options.batch_size >= 1, "batch_size", options.batch_size, "1 or more");
  require(options.patch_size >= 1 && options.patch_size % options.scale == 0, "patch_size", options.patch_size,
          "a multiple of scale_factor");
  require(options.num_workers >= 0, "num_workers", options.num_workers, "0 or more");
  require(options.prefetch_factor >= 1, "prefetch_factor", options.prefetch_factor, "1 or more");
  require(options.enlarge_ratio >= 1, "dataset_enlarge_ratio", options.enlarge_ratio, "1 or more");
  require(options.world_size >= 1, "the number of processes", options.world_size, "1 or more");
  require(options.rank >= 0 && options.rank < options.world_size, "the rank", options.rank,
          "below the number of processes");
  return options;
}

std::size_t patch_bytes(int patch) {
  return std::size_t(patch) * patch * 3;
}

}  // namespace

BatchMaker::BatchMaker(ImageSet images, const LoaderOptions& options)
    : options_(checked(options)),
      lr_patch_(options.patch_size / options.scale),
      store_(std::move(images), {options.scale, options.patch_size, options.cache_decoded, options.on_skip}),
      epoch_samples_(std::uint64_t(store_.size()) * options.enlarge_ratio) {
  const std::uint64_t step_samples = std::uint64_t(options_.batch_size) * options_.world_size;
  steps_per_epoch_ = static_cast<std::int64_t>(epoch_samples_ / step_samples);
  if (store_.size() == 0) throw Error(ErrorCode::usage, "the data set has no images", "check the data folder");
  if (steps_per_epoch_ == 0) {
    const std::uint64_t ratio = (step_samples + store_.size() - 1) / store_.size();
    throw Error(ErrorCode::usage,
                fmt::format("a batch of {} is larger than the data set: {} images × dataset_enlarge_ratio {}",
                            step_samples, store_.size(), options_.enlarge_ratio),
                fmt::format("set dataset_enlarge_ratio to {} or more, or use a smaller batch_size", ratio));
  }
  hr_buffers_ = std::make_shared<BufferPool>(patch_bytes(options_.patch_size) * options_.batch_size, options_.allocate);
  lr_buffers_ = std::make_shared<BufferPool>(patch_bytes(lr_patch_) * options_.batch_size, options_.allocate);
}

std::optional<Batch> BatchMaker::make(std::int64_t step, const std::atomic<bool>& stop) {
  Batch batch{step,      step / steps_per_epoch_, options_.batch_size, options_.patch_size,
              lr_patch_, hr_buffers_->take(),     lr_buffers_->take()};
  // A step is batch_size samples of each process in turn, so the processes share an epoch's images among
  // them.
  const auto first_of = [&](std::int64_t at_step) {
    return (std::uint64_t(at_step) * options_.world_size + options_.rank) * options_.batch_size;
  };
  const std::uint64_t first_position = first_of(step % steps_per_epoch_);
  const std::uint64_t first_sample = first_of(step);
  for (int i = 0; i < options_.batch_size; ++i) {
    if (stop.load(std::memory_order_relaxed)) return std::nullopt;
    const auto image = find_image(std::uint64_t(batch.epoch), first_position + i);
    cut_sample(*image, first_sample + i, batch.hr.get() + i * patch_bytes(options_.patch_size),
               batch.lr.get() + i * patch_bytes(lr_patch_));
  }
  return batch;
}

std::shared_ptr<const ImageStore::Decoded> BatchMaker::find_image(std::uint64_t epoch, std::uint64_t position) {
  for (std::uint64_t probe = 0; probe < epoch_samples_ && !store_.all_unusable(); ++probe) {
    const std::uint64_t place = (position + probe) % epoch_samples_;
    const std::uint64_t index = permuted_index(options_.seed, epoch, place, epoch_samples_) % store_.size();
    if (auto image = store_.get(index)) return image;
  }
  throw Error(ErrorCode::failed, fmt::format("none of the {} images of the data set can be used", store_.size()),
              "see the notices about skipped images; restore the files");
}

void BatchMaker::cut_sample(const ImageStore::Decoded& image, std::uint64_t sample, std::uint8_t* hr,
                            std::uint8_t* lr) const {
  const int scale = options_.scale;
  const SampleCrop crop = draw_crop(options_.seed, sample, image.hr.width / scale - lr_patch_ + 1,
                                    image.hr.height / scale - lr_patch_ + 1, options_.hflip, options_.rotate);
  copy_patch(image.hr, crop.x * scale, crop.y * scale, options_.patch_size, crop, hr);
  if (image.lr) {
    copy_patch(*image.lr, crop.x, crop.y, lr_patch_, crop, lr);
  } else {
    copy_patch(bicubic_shrink_region(image.hr, scale, crop.x, crop.y, lr_patch_, lr_patch_), 0, 0, lr_patch_, crop, lr);
  }
}

}  // namespace wring
