#include "wring_train/engine/images.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include <fmt/format.h>

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/util/Exception.h>

#include "wring/base/error.h"
#include "wring_train/engine/memory_error.h"
#include "wring_train/kernels/pinned_memory.h"

namespace wring {
namespace {

constexpr std::int64_t kReadBehind = 16;  // kernels read whole words

at::Tensor on_host(const void* data, std::size_t bytes) {
  return at::from_blob(const_cast<void*>(data), {static_cast<std::int64_t>(bytes)}, at::kByte);
}

[[noreturn]] void no_room(const char* tier, std::size_t bytes, const std::string& have) {
  throw DeviceMemoryError(
      ErrorCode::failed,
      {"data_cache: {}: the decoded images take {} MiB, {}", "data_cache: {}：解码后的图像需要 {} MiB，{}", tier,
       bytes >> 20, have},
      {"use data_cache: auto, or cut large photographs into sub-images", "请使用 data_cache: auto，或把大图切成小图"});
}

at::Tensor device_copy(std::span<const std::uint8_t> bytes, at::Device device) {
  try {
    at::Tensor copy =
        at::empty({static_cast<std::int64_t>(bytes.size()) + kReadBehind}, at::TensorOptions(device).dtype(at::kByte));
    copy.narrow(0, 0, static_cast<std::int64_t>(bytes.size())).copy_(on_host(bytes.data(), bytes.size()));
    return copy;
  } catch (const c10::OutOfMemoryError&) {
    no_room("gpu", bytes.size(), "and the GPU has less left");
  }
}

at::Tensor pinned_copy(std::span<const std::uint8_t> bytes) {
  const std::shared_ptr<std::uint8_t> memory = kernels::pinned_memory(bytes.size() + kReadBehind);
  if (memory == nullptr) no_room("host", bytes.size(), "and so much cannot be page-locked");
  std::memcpy(memory.get(), bytes.data(), bytes.size());
  return at::from_blob(
      memory.get(), {static_cast<std::int64_t>(bytes.size()) + kReadBehind}, [memory](void*) {}, at::kByte);
}

}  // namespace

DeviceImages::DeviceImages(std::span<const std::uint8_t> bytes, std::span<const StoredImage> images, at::Device device,
                           Place place)
    : place_(place),
      size_bytes_(static_cast<std::int64_t>(bytes.size())),
      count_(static_cast<std::uint32_t>(images.size())) {
  const auto has_pixels = [](const StoredImage& image) { return image.hr_width > 0; };
  if (std::ranges::none_of(images, has_pixels)) {
    throw Error(
        ErrorCode::failed,
        {"none of the {} images of the data set can be used", "数据集的 {} 张图像都无法使用", images.size()},
        {"see the notices about skipped images; restore the files", "请查看关于跳过图像的提示，并恢复这些文件"});
  }
  const c10::DeviceGuard guard(device);
  bytes_ = place == Place::device ? device_copy(bytes, device) : pinned_copy(bytes);
  table_ = on_host(images.data(), images.size_bytes()).to(device, /*non_blocking=*/false, /*copy=*/true);
}

kernels::ImagesView DeviceImages::view() const {
  // Page-locked memory has the same address on the device (unified addressing, every 64-bit system).
  return {bytes_.const_data_ptr<std::uint8_t>(),
          reinterpret_cast<const StoredImage*>(table_.const_data_ptr<std::uint8_t>()), count_};
}

}  // namespace wring
