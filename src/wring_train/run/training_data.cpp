#include "wring_train/run/training_data.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <unistd.h>

#include <ATen/ATen.h>

#include "wring/base/error.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

// Room for decoded images: half of what the kernel says can be had without swapping.
std::int64_t memory_for_images() {
  std::ifstream meminfo("/proc/meminfo");
  std::string key;
  std::int64_t kib = 0;
  for (std::string unit; meminfo >> key >> kib; std::getline(meminfo, unit)) {
    if (key == "MemAvailable:") return kib * 1024 / 2;
  }
  return std::int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE) / 4;
}

std::int64_t decoded_bytes(const ImageSet& images, std::int64_t scale) {
  std::int64_t pixels = 0;
  for (const ImageSize& size : images.sizes) pixels += std::int64_t{size.width} * size.height;
  return pixels * 3 + pixels * 3 / (scale * scale);
}

bool keep_decoded(const TrainConfig& config, const ImageSet& images, const TrainingDataOptions& options) {
  if (config.data_cache == "none") return false;
  if (config.data_cache == "gpu") {
    options.note("data_cache: gpu is not in this version; decoded images are kept in host memory");
  }
  const std::int64_t needed = decoded_bytes(images, config.scale_factor);
  const std::int64_t room = memory_for_images();
  if (needed <= room) return true;
  const std::string numbers = fmt::format("{} MiB decoded, {} MiB to spare", needed >> 20, room >> 20);
  if (config.data_cache == "host") {
    throw Error(ErrorCode::failed, "data_cache: host does not fit: " + numbers,
                "use data_cache: none, or cut large photographs into sub-images");
  }
  options.note("images are decoded anew for every sample: " + numbers);
  return false;
}

void report_skipped(const ImageSet& images, const TrainingDataOptions& options) {
  for (const SkippedImage& skipped : images.skipped) {
    options.warn(Text(fmt::format("skipped {}: {}", skipped.path.string(), skipped.reason),
                      fmt::format("跳过 {}: {}", skipped.path.string(), skipped.reason)));
  }
}

// The folder of a *_dir key, or data_dir/<part>/<kind>; an LR folder only when it exists.
fs::path folder_of(const std::string& given, const TrainConfig& config, const char* part, const char* kind) {
  return given.empty() ? fs::path(config.data_dir) / part / kind : fs::path(given);
}

std::optional<fs::path> lr_folder_of(const std::string& given, const std::string& hr_given, const TrainConfig& config,
                                     const char* part) {
  if (!given.empty()) return fs::path(given);
  const fs::path folder = folder_of("", config, part, "LR");
  std::error_code error;
  // An LR folder of data_dir belongs to the HR folder beside it, not to one given by flag.
  if (hr_given.empty() && fs::is_directory(folder, error)) return folder;
  return std::nullopt;
}

}  // namespace

std::shared_ptr<std::uint8_t> pinned_bytes(std::size_t bytes) {
  const auto options = at::TensorOptions().dtype(at::kByte).pinned_memory(true);
  auto tensor = std::make_shared<at::Tensor>(at::empty({static_cast<std::int64_t>(bytes)}, options));
  return {tensor, tensor->mutable_data_ptr<std::uint8_t>()};
}

TrainingData open_training_data(const TrainConfig& config, const TrainingDataOptions& options) {
  const int scale = static_cast<int>(config.scale_factor);
  const fs::path hr = folder_of(config.train_hr_dir, config, "train", "HR");
  ImageSet images = scan_images(hr, lr_folder_of(config.train_lr_dir, config.train_hr_dir, config, "train"), scale,
                                static_cast<int>(config.patch_size));
  report_skipped(images, options);

  TrainingData data;
  const fs::path val_hr = folder_of(config.val_hr_dir, config, "val", "HR");
  std::error_code error;
  if (!config.val_hr_dir.empty() || fs::is_directory(val_hr, error)) {
    // SSIM's 11×11 window must fit between the cropped borders.
    data.validation =
        scan_images(val_hr, lr_folder_of(config.val_lr_dir, config.val_hr_dir, config, "val"), scale, 11 + 2 * scale);
    report_skipped(*data.validation, options);
  } else {
    options.note({fmt::format("no validation: there is no folder {}", val_hr.string()),
                  fmt::format("不做验证：没有文件夹 {}", val_hr.string())});
  }
  const std::size_t validation_images = data.validation ? data.validation->pairs.size() : 0;
  options.note({fmt::format("data: {} training images in {}, {} for validation", images.pairs.size(), hr.string(),
                            validation_images),
                fmt::format("数据：{} 中有 {} 张训练图像，验证图像 {} 张", hr.string(), images.pairs.size(),
                            validation_images)});

  LoaderOptions loader;
  loader.batch_size = static_cast<int>(config.batch_size);
  loader.patch_size = static_cast<int>(config.patch_size);
  loader.scale = scale;
  loader.num_workers = static_cast<int>(config.num_workers);
  loader.prefetch_factor = static_cast<int>(config.prefetch_factor);
  loader.persistent_workers = config.persistent_workers;
  loader.hflip = config.use_hflip;
  loader.rotate = config.use_rot;
  loader.enlarge_ratio = static_cast<int>(config.dataset_enlarge_ratio);
  loader.seed = static_cast<std::uint64_t>(config.seed);
  loader.first_step = options.first_step;
  loader.cache_decoded = keep_decoded(config, images, options);
  if (config.pin_memory && options.on_gpu) loader.allocate = pinned_bytes;
  loader.on_skip = [warn = options.warn](const SkippedImage& skipped) {
    warn(Text(fmt::format("skipped {}: {}", skipped.path.string(), skipped.reason),
              fmt::format("跳过 {}: {}", skipped.path.string(), skipped.reason)));
  };
  data.loader = std::make_unique<Loader>(std::move(images), loader);
  return data;
}

}  // namespace wring
