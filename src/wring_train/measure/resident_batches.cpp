#include "wring_train/measure/resident_batches.h"

#include <cstring>
#include <vector>

namespace wring {
namespace {

constexpr std::uint64_t kAlignment = 16;  // of what kernels read

std::uint64_t patch_bytes(int side) {
  return std::uint64_t{3} * static_cast<std::uint64_t>(side) * static_cast<std::uint64_t>(side);
}

}  // namespace

std::shared_ptr<const DeviceImages> resident_images(std::span<const Batch> batches, at::Device device,
                                                    const TrainConfig& config, SamplerSettings& settings) {
  const Batch& first = batches.front();
  const auto size = static_cast<std::uint64_t>(first.size);
  const std::uint64_t count = size * batches.size();
  const std::uint64_t hr_bytes = patch_bytes(first.hr_patch);
  const std::uint64_t lr_bytes = patch_bytes(first.lr_patch);
  const std::uint64_t lr_start = (count * hr_bytes + kAlignment - 1) / kAlignment * kAlignment;
  std::vector<std::uint8_t> bytes(lr_start + count * lr_bytes);
  std::vector<StoredImage> images(count);
  for (std::uint64_t b = 0; b < batches.size(); ++b) {
    std::memcpy(bytes.data() + b * size * hr_bytes, batches[b].hr.get(), size * hr_bytes);
    std::memcpy(bytes.data() + lr_start + b * size * lr_bytes, batches[b].lr.get(), size * lr_bytes);
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    images[i].hr_offset = i * hr_bytes;
    images[i].lr_offset = lr_start + i * lr_bytes;
    images[i].hr_width = images[i].hr_height = first.hr_patch;
    images[i].lr_width = images[i].lr_height = first.lr_patch;
  }
  settings.seed = static_cast<std::uint64_t>(config.seed);
  settings.batch_size = first.size;
  settings.scale = static_cast<std::int32_t>(config.scale_factor);
  settings.patch_size = first.hr_patch;
  return std::make_shared<DeviceImages>(bytes, images, device, DeviceImages::Place::device);
}

}  // namespace wring
