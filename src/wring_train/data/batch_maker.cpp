#include "wring_train/data/batch_maker.h"

#include <utility>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring_train/data/bicubic.h"
#include "wring_train/data/patch.h"
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

SamplerSettings sampler_settings(const LoaderOptions& options, std::size_t image_count) {
  SamplerSettings settings;
  settings.seed = options.seed;
  settings.epoch_samples = std::uint64_t(image_count) * options.enlarge_ratio;
  settings.batch_size = options.batch_size;
  settings.world_size = options.world_size;
  settings.rank = options.rank;
  settings.scale = options.scale;
  settings.patch_size = options.patch_size;
  settings.hflip = options.hflip;
  settings.rotate = options.rotate;
  return settings;
}

BatchMaker::BatchMaker(ImageSet images, const LoaderOptions& options)
    : options_(checked(options)),
      lr_patch_(options.patch_size / options.scale),
      store_(std::move(images), {options.scale, options.patch_size, options.cache_decoded, options.on_skip}),
      sampler_(sampler_settings(options, store_.size())) {
  if (store_.size() == 0) throw Error(ErrorCode::usage, "the data set has no images", "check the data folder");
  if (sampler_.steps_per_epoch() == 0) {
    const std::uint64_t step_samples = std::uint64_t(options_.batch_size) * options_.world_size;
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
  Batch batch{step,      step / steps_per_epoch(), options_.batch_size, options_.patch_size,
              lr_patch_, hr_buffers_->take(),      lr_buffers_->take()};
  for (int i = 0; i < options_.batch_size; ++i) {
    if (stop.load(std::memory_order_relaxed)) return std::nullopt;
    const SamplePlace place = place_of(sampler_, std::uint64_t(step), std::uint64_t(i));
    cut_sample(*image_of(place), place.number, batch.hr.get() + i * patch_bytes(options_.patch_size),
               batch.lr.get() + i * patch_bytes(lr_patch_));
  }
  return batch;
}

std::shared_ptr<const ImageStore::Decoded> BatchMaker::image_of(const SamplePlace& place) {
  std::shared_ptr<const ImageStore::Decoded> image;
  const auto can_be_used = [&](std::uint64_t index) {
    image = store_.get(index);
    return image != nullptr;
  };
  if (find_image(sampler_, place, store_.size(), can_be_used) < store_.size()) return image;
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
