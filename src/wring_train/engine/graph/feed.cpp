#include "wring_train/engine/graph/feed.h"

#include <ATen/ATen.h>
#include <c10/cuda/CUDAException.h>

namespace wring {
namespace {

constexpr std::int64_t kReadBehind = 16;  // kernels read whole words

std::int64_t patch_bytes(int patch) {
  return std::int64_t{patch} * patch * 3;
}

}  // namespace

GraphPlaces::GraphPlaces(int samples, int hr_patch, int lr_patch, at::Device device)
    : lr_start_((samples * patch_bytes(hr_patch) + kReadBehind) / kReadBehind * kReadBehind),
      bytes_(at::zeros({lr_start_ + samples * patch_bytes(lr_patch) + kReadBehind},
                       at::TensorOptions(device).dtype(at::kByte))),
      count_(static_cast<std::uint32_t>(samples)) {
  std::vector<StoredImage> images(count_);
  for (std::size_t i = 0; i < images.size(); ++i) {
    images[i].hr_offset = i * static_cast<std::uint64_t>(patch_bytes(hr_patch));
    images[i].lr_offset = static_cast<std::uint64_t>(lr_start_) + i * static_cast<std::uint64_t>(patch_bytes(lr_patch));
    images[i].hr_width = images[i].hr_height = hr_patch;
    images[i].lr_width = images[i].lr_height = lr_patch;
  }
  table_ = at::from_blob(images.data(), {static_cast<std::int64_t>(images.size() * sizeof(StoredImage))}, at::kByte)
               .to(device, /*non_blocking=*/false, /*copy=*/true);
}

kernels::ImagesView GraphPlaces::view() const {
  return {bytes_.const_data_ptr<std::uint8_t>(),
          reinterpret_cast<const StoredImage*>(table_.const_data_ptr<std::uint8_t>()), count_};
}

GraphFeed::GraphFeed(int batch_size, int micro_batches, int hr_patch, int lr_patch, at::Device device)
    : hr_bytes_(batch_size * patch_bytes(hr_patch)),
      lr_bytes_(batch_size * patch_bytes(lr_patch)),
      micro_batches_(micro_batches),
      places_(kSets * micro_batches * batch_size, hr_patch, lr_patch, device),
      stream_(c10::cuda::getStreamFromPool(false, device.index())) {}

void GraphFeed::copy(std::span<const Batch> micro_batches, std::int64_t step, const c10::cuda::CUDAStream& compute) {
  Set& set = sets_[step % kSets];
  if (set.copied.isCreated()) set.copied.synchronize();  // two steps ago: the host's bytes are free again
  set.held.clear();
  if (set.used.isCreated()) set.used.block(stream_);
  auto* base = places_.bytes().mutable_data_ptr<std::uint8_t>();
  for (std::size_t m = 0; m < micro_batches.size(); ++m) {
    const std::int64_t place = step % kSets * micro_batches_ + static_cast<std::int64_t>(m);
    const auto put = [&](const std::shared_ptr<std::uint8_t>& from, std::int64_t offset, std::int64_t bytes) {
      C10_CUDA_CHECK(cudaMemcpyAsync(base + offset, from.get(), static_cast<std::size_t>(bytes), cudaMemcpyHostToDevice,
                                     stream_.stream()));
      set.held.push_back(from);
    };
    put(micro_batches[m].hr, place * hr_bytes_, hr_bytes_);
    put(micro_batches[m].lr, places_.lr_start() + place * lr_bytes_, lr_bytes_);
  }
  set.copied.record(stream_);
  set.copied.block(compute);
}

void GraphFeed::used(std::int64_t step, const c10::cuda::CUDAStream& compute) {
  sets_[step % kSets].used.record(compute);
}

}  // namespace wring
