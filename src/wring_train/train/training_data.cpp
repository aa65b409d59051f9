#include "wring_train/train/training_data.h"

#include <cstdio>

#include <fmt/format.h>

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>

#include "wring/base/clock.h"
#include "wring/base/error.h"
#include "wring/base/system_memory.h"
#include "wring/console/progress_bar.h"
#include "wring/files/cache_folder.h"
#include "wring/files/folder.h"
#include "wring_train/data/image_digest.h"
#include "wring_train/kernels/available.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

// One worker cuts more than 20 000 patches of 128 pixels a second.
constexpr std::int64_t kWorkersThatKeepUp = 4;

TierChoice choose_tier(const TrainConfig& config, const ImageSet& images, const TrainingDataOptions& options) {
  const at::Device device = options.device;
  TierFacts facts;
  facts.wanted = config.data_cache;
  facts.needed_bytes = static_cast<std::int64_t>(layout_of(images, static_cast<int>(config.scale_factor)).bytes);
  // What is decoded is mapped from the cache on disk and shared; what the GPU reads is page-locked once for each rank.
  facts.host_bytes = available_memory_bytes().value_or(0) / options.place.local_size;
  facts.gpu_can_cut = kernels::available();
  if (!device.is_cpu() && config.data_cache != "none") {
    facts.gpu_free_bytes = static_cast<std::int64_t>(at::accelerator::getMemoryInfo(device.index()).first);
  }
  return choose_data_tier(facts);
}

Text name_of(const TrainingImages& images, const TrainConfig& config, bool on_gpu) {
  switch (images.tier) {
    case DataTier::gpu:
      return {"in GPU memory", "在显存中"};
    case DataTier::host:
      if (images.on_device) return {"in page-locked host memory, read by the GPU", "在锁页内存中，由 GPU 读取"};
      if (!on_gpu || config.num_workers == 0) return {"in host memory", "在内存中"};
      return {"in host memory, cut by {} workers", "在内存中，由 {} 个工作线程裁剪", config.num_workers};
    case DataTier::none:
      return {"decoded anew for every sample", "每个样本重新解码"};
  }
  return {};
}

std::function<void(const SkippedImage&)> skip_warning(const TrainingDataOptions& options) {
  return [warn = options.warn](const SkippedImage& skipped) {
    warn(Text("skipped {}: {}", "跳过 {}: {}", skipped.path.string(), skipped.reason));
  };
}

// Decodes the set, with a progress bar, or takes it from the cache.
void decode(TrainingImages& images, int scale, const TrainingDataOptions& options) {
  std::optional<ProgressBar> bar;
  DecodedCacheOptions cache;
  cache.folder = decoded_images_folder();
  if (cache.folder) cache.limit_bytes = cache_limit_bytes(*cache.folder);
  cache.note = options.note;
  cache.decoding = [&](std::int64_t total) {
    ProgressOptions look;
    look.language = options.common.language;
    look.quiet = options.common.quiet;
    if (options.common.color != "auto") look.color = options.common.color == "always";
    bar.emplace(stderr, Text("decoding images", "解码图像"), total, look);
  };
  DecodeOptions decoding;
  decoding.scale = scale;
  decoding.on_skip = skip_warning(options);
  decoding.cancelled = options.cancelled;
  decoding.progress = [&](std::int64_t done) { bar->update(done); };
  images.cache = std::make_unique<DecodedCache>(std::move(cache));
  images.decoded = images.cache->open(images.train, decoding);
  if (bar) bar->finish();
  images.pixels_digest = images.decoded->digest();
}

void report_skipped(const ImageSet& images, const TrainingDataOptions& options) {
  const auto warn = skip_warning(options);
  for (const SkippedImage& skipped : images.skipped) warn(skipped);
}

// The folder of a *_dir key, or data_dir/<part>/<kind>; an LR folder only when it exists.
fs::path folder_of(const std::string& given, const TrainConfig& config, const char* part, const char* kind) {
  return given.empty() ? fs::path(config.data_dir) / part / kind : fs::path(given);
}

std::optional<fs::path> lr_folder_of(const std::string& given, const std::string& hr_given, const TrainConfig& config,
                                     const char* part) {
  if (!given.empty()) return fs::path(given);
  fs::path folder = folder_of("", config, part, "LR");
  // An LR folder of data_dir belongs to the HR folder beside it, not to one given by flag. One that is there and cannot
  // be read is an error: it is not for bicubic to take its place.
  if (hr_given.empty() && Folder::find(folder)) return folder;
  return std::nullopt;
}

void put_on_device(TrainingImages& images, const TrainConfig& config, const TrainingDataOptions& options) {
  const auto place = images.tier == DataTier::gpu ? DeviceImages::Place::device : DeviceImages::Place::pinned_host;
  try {
    images.on_device =
        std::make_shared<const DeviceImages>(images.decoded->bytes(), images.decoded->images(), options.device, place);
    if (images.decoded->block().lost()) {
      throw Error(ErrorCode::failed,
                  {"the cache file of the decoded images was cut short while it was copied to the GPU",
                   "解码图像的缓存文件在复制到 GPU 时被截短"},
                  {"start again: it is made anew", "请重新运行：缓存会重建"});
    }
    images.decoded.reset();
  } catch (const Error& error) {
    images.on_device.reset();
    if (config.data_cache != "auto") throw;
    options.note(error.message());  // the loader's workers cut from the decoded images instead
    images.tier = DataTier::host;
  }
}

std::optional<ImageSet> find_validation(const TrainConfig& config, const TrainingDataOptions& options) {
  const fs::path hr = folder_of(config.val_hr_dir, config, "val", "HR");
  if (config.val_hr_dir.empty() && !Folder::find(hr)) {
    options.note({"no validation: there is no folder {}", "不做验证：没有文件夹 {}", hr.string()});
    return std::nullopt;
  }
  const int scale = static_cast<int>(config.scale_factor);
  // SSIM's 11×11 window must fit between the cropped borders.
  ImageSet images = scan_images(hr, lr_folder_of(config.val_lr_dir, config.val_hr_dir, config, "val"), scale,
                                11 + 2 * scale, std::nullopt, options.cancelled);
  report_skipped(images, options);
  return images;
}

}  // namespace

std::shared_ptr<std::uint8_t> pinned_bytes(std::size_t bytes) {
  const auto options = at::TensorOptions().dtype(at::kByte).pinned_memory(true);
  auto tensor = std::make_shared<at::Tensor>(at::empty({static_cast<std::int64_t>(bytes)}, options));
  return {tensor, tensor->mutable_data_ptr<std::uint8_t>()};
}

bool workers_cut_for_gpu(const TrainConfig& config) {
  return config.pin_memory && config.num_workers >= kWorkersThatKeepUp;
}

TrainingImages open_training_images(const TrainConfig& config, const TrainingDataOptions& options) {
  const auto began = SteadyClock::now();
  const int scale = static_cast<int>(config.scale_factor);
  const bool on_gpu = !options.device.is_cpu();
  TrainingImages images;
  const fs::path hr = folder_of(config.train_hr_dir, config, "train", "HR");
  std::optional<fs::path> listed;
  if (!config.train_meta_info.empty()) listed = config.train_meta_info;
  images.train = scan_images(hr, lr_folder_of(config.train_lr_dir, config.train_hr_dir, config, "train"), scale,
                             static_cast<int>(config.patch_size), listed, options.cancelled);
  report_skipped(images.train, options);
  images.files_digest = image_files_digest(images.train, hr);
  images.validation = find_validation(config, options);
  if (images.validation) {
    images.validation_digest =
        image_files_digest(*images.validation, folder_of(config.val_hr_dir, config, "val", "HR"));
  }
  const std::size_t count = images.train.pairs.size();
  const std::size_t validation = images.validation ? images.validation->pairs.size() : 0;
  options.note({"data: {} training images in {}, {} for validation", "数据：{1} 中有 {0} 张训练图像，验证图像 {2} 张",
                count, hr.string(), validation});

  const TierChoice choice = choose_tier(config, images.train, options);
  images.tier = choice.tier;
  if (images.tier != DataTier::none) decode(images, scale, options);
  const bool gpu_cuts = images.tier == DataTier::gpu || (images.tier == DataTier::host && !workers_cut_for_gpu(config));
  if (gpu_cuts && on_gpu && kernels::available()) put_on_device(images, config, options);
  images.seconds = seconds_since(began);
  const Text name = name_of(images, config, on_gpu);
  Text source;
  if (images.cache && images.cache->hit()) {
    const double checked_s = images.cache->checked_s();
    source = {" from the cache on disk, checked in {:.2f} s", "，取自磁盘缓存（校验 {:.2f} 秒）", checked_s};
  }
  options.note({"images: {} ({}), ready after {:.1f} s{}", "图像：{}（{}），用时 {:.1f} 秒{}", name, choice.reason,
                images.seconds, source});
  return images;
}

TrainingData start_loading(TrainingImages images, const TrainConfig& config, const TrainingDataOptions& options,
                           std::int64_t first_step) {
  TrainingData data;
  data.samples.seed = static_cast<std::uint64_t>(config.seed);
  data.samples.batch_size = static_cast<std::int32_t>(config.batch_size);
  data.samples.world_size = options.place.size;
  data.samples.rank = options.place.rank;
  data.samples.scale = static_cast<std::int32_t>(config.scale_factor);
  data.samples.patch_size = static_cast<std::int32_t>(config.patch_size);
  data.samples.hflip = config.use_hflip;
  data.samples.rotate = config.use_rot;

  LoaderOptions loader;
  loader.samples = data.samples;
  loader.num_workers = static_cast<int>(config.num_workers);
  loader.prefetch_factor = static_cast<int>(config.prefetch_factor);
  loader.persistent_workers = config.persistent_workers;
  loader.enlarge_ratio = static_cast<int>(config.dataset_enlarge_ratio);
  loader.first_step = first_step;
  loader.decoded = images.decoded;
  loader.cache_decoded = false;
  loader.without_bytes = images.on_device != nullptr;
  if (config.pin_memory && !options.device.is_cpu()) loader.allocate = pinned_bytes;
  loader.on_skip = skip_warning(options);
  loader.note = options.warn;

  data.loader = std::make_unique<Loader>(std::move(images.train), loader);
  data.validation = std::move(images.validation);
  data.on_device = std::move(images.on_device);
  data.cache = std::move(images.cache);
  return data;
}

}  // namespace wring
