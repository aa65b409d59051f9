#include "wring_train/data/batch_maker.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring_train/data/patch.h"
#include "wring_train/data/sampling.h"

namespace wring {
namespace {

const LoaderOptions& checked(const LoaderOptions& options) {
  const auto require = [](bool holds, const Text& key, int value, const Text& rule) {
    if (holds) return;
    throw Error(ErrorCode::usage, {"{} is {}", "{} 为 {}", key, value}, {"{} must be {}", "{} 必须{}", key, rule});
  };
  const SamplerSettings& samples = options.samples;
  const Text at_least_0{"0 or more", "不小于 0"};
  const Text at_least_1{"1 or more", "不小于 1"};
  require(samples.scale >= 1, "scale_factor", samples.scale, at_least_1);
  require(samples.batch_size >= 1, "batch_size", samples.batch_size, at_least_1);
  require(samples.patch_size >= 1 && samples.patch_size % samples.scale == 0, "patch_size", samples.patch_size,
          {"a multiple of scale_factor", "是 scale_factor 的倍数"});
  require(options.num_workers >= 0, "num_workers", options.num_workers, at_least_0);
  require(options.prefetch_factor >= 1, "prefetch_factor", options.prefetch_factor, at_least_1);
  require(options.enlarge_ratio >= 1, "dataset_enlarge_ratio", options.enlarge_ratio, at_least_1);
  require(samples.world_size >= 1, {"the number of processes", "进程数"}, samples.world_size, at_least_1);
  require(samples.rank >= 0 && samples.rank < samples.world_size, {"the rank", "进程编号"}, samples.rank,
          {"below the number of processes", "小于进程数"});
  return options;
}

std::size_t patch_bytes(int patch) {
  return std::size_t(patch) * patch * 3;
}

}  // namespace

BatchMaker::BatchMaker(ImageSet images, const LoaderOptions& options)
    : options_(checked(options)),
      samples_(options_.samples),
      image_count_(images.pairs.size()),
      epoch_samples_(std::uint64_t(image_count_) * options.enlarge_ratio),
      decoded_(options.decoded) {
  if (image_count_ == 0)
    throw Error(ErrorCode::usage, {"the data set has no images", "数据集中没有图像"},
                {"check the data folder", "请检查数据文件夹"});
  if (!decoded_ && options_.cache_decoded) {
    decoded_ = std::make_shared<const DecodedSet>(decode_to_memory(images, {samples_.scale, options_.on_skip, {}, {}}));
  }
  if (decoded_) {
    any_decoded_ = std::ranges::any_of(decoded_->images(), [&](const StoredImage& i) { return usable(i, samples_); });
    images_ = std::move(images);
  } else {
    files_.emplace(std::move(images), ImageFilesOptions{samples_.scale, samples_.patch_size, options_.on_skip});
  }
  hr_buffers_ = std::make_shared<BufferPool>(patch_bytes(samples_.patch_size) * samples_.batch_size, options_.allocate);
  lr_buffers_ = std::make_shared<BufferPool>(patch_bytes(samples_.lr_patch()) * samples_.batch_size, options_.allocate);
}

double BatchMaker::epochs_before(std::int64_t step) const {
  return static_cast<double>(std::uint64_t(step) * samples_.global_batch()) / static_cast<double>(epoch_samples_);
}

std::int64_t BatchMaker::next_epoch(std::int64_t step) const {
  const std::uint64_t batch = samples_.global_batch();
  const std::uint64_t begins = (std::uint64_t(step) * batch / epoch_samples_ + 1) * epoch_samples_;
  return static_cast<std::int64_t>((begins + batch - 1) / batch);
}

std::optional<Batch> BatchMaker::make(std::int64_t step, const std::atomic<bool>& stop) {
  Batch batch{step, samples_.batch_size, samples_.patch_size, samples_.lr_patch(), nullptr, nullptr};
  if (decoded_ && !any_decoded_) none_usable();
  if (options_.without_bytes) return batch;
  batch.hr = hr_buffers_->take();
  batch.lr = lr_buffers_->take();
  const bool decoded = decoded_ && !decoded_->block().lost();
  if (decoded_ && !decoded) go_on_from_files();
  for (int i = 0; i < samples_.batch_size; ++i) {
    if (stop.load(std::memory_order_relaxed)) return std::nullopt;
    std::uint8_t* hr = batch.hr.get() + i * patch_bytes(samples_.patch_size);
    std::uint8_t* lr = batch.lr.get() + i * patch_bytes(samples_.lr_patch());
    if (decoded) {
      cut_decoded(step, i, hr, lr);
    } else {
      cut_from_files(step, i, hr, lr);
    }
  }
  // Pixels of a file that is gone are zeros: such a batch is made again.
  return decoded && decoded_->block().lost() ? make(step, stop) : batch;
}

// The samples stay the same, to the byte.
void BatchMaker::go_on_from_files() {
  std::call_once(fall_back_, [this] {
    files_.emplace(std::move(images_), ImageFilesOptions{samples_.scale, samples_.patch_size, options_.on_skip});
    if (!options_.note) return;
    options_.note(
        {"the cache file of the decoded images cannot be read any more (it was cut short, or its disk fails): from now "
         "on every sample is decoded from its image file. The samples stay the same; the next start makes the cache "
         "anew",
         "解码图像的缓存文件已无法读取（被截短或磁盘故障）：此后每个样本都从图像文件重新解码。样本不变；下次启动会重建"
         "缓存"});
  });
}

void BatchMaker::cut_decoded(std::int64_t step, int i, std::uint8_t* hr, std::uint8_t* lr) const {
  const auto images = decoded_->images();
  const SampleDraw draw = draw_sample(samples_, images.data(), images.size(), std::uint64_t(step), std::uint64_t(i));
  const StoredImage& image = images[draw.image];
  const auto cut = [&](std::uint64_t offset, int width, int x, int y, int patch, std::uint8_t* out) {
    const std::size_t stride = std::size_t(width) * 3;
    copy_patch(decoded_->bytes().data() + offset + std::size_t(y) * stride + std::size_t(x) * 3, stride, patch, draw,
               out);
  };
  cut(image.hr_offset, image.hr_width, draw.x * samples_.scale, draw.y * samples_.scale, samples_.patch_size, hr);
  cut(image.lr_offset, image.lr_width, draw.x, draw.y, samples_.lr_patch(), lr);
}

void BatchMaker::cut_from_files(std::int64_t step, int i, std::uint8_t* hr, std::uint8_t* lr) {
  const std::uint64_t number = sample_number(samples_, std::uint64_t(step), std::uint64_t(i));
  SampleDraw draw;
  std::optional<ImageFiles::Patch> patch;
  const auto can_be_read = [&](std::uint64_t index) {
    if (!files_->usable(index)) return false;
    const ImageSize size = files_->size_of(index);
    draw = draw_from(samples_, number, index, size.width, size.height);
    patch = files_->read(index, draw.x, draw.y);
    return patch.has_value();
  };
  if (find_image(samples_.seed, number, image_count_, can_be_read) == image_count_) none_usable();
  const auto cut = [&](const ImagePart& part, int x, int y, int side, std::uint8_t* out) {
    const std::size_t stride = std::size_t(part.pixels.width) * 3;
    copy_patch(part.pixels.row(y - part.y) + std::size_t(x - part.x) * 3, stride, side, draw, out);
  };
  cut(patch->hr, draw.x * samples_.scale, draw.y * samples_.scale, samples_.patch_size, hr);
  cut(patch->lr, draw.x, draw.y, samples_.lr_patch(), lr);
}

void BatchMaker::none_usable() const {
  throw Error(ErrorCode::failed,
              {"none of the {} images of the data set can be used", "数据集的 {} 张图像都无法使用", image_count_},
              {"see the notices about skipped images; restore the files", "请查看关于跳过图像的提示，并恢复这些文件"});
}

}  // namespace wring
