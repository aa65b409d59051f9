#include "wring_train/engine/graph_feed.h"

#include <ATen/ATen.h>
#include <c10/cuda/CUDAException.h>

namespace wring {
namespace {

constexpr std::int64_t kReadBehind = 16;  // kernels read whole words

}  // namespace

GraphFeed::GraphFeed(int batch_size, int micro_batches, int hr_patch, int lr_patch, at::Device device)
    : hr_bytes_(std::int64_t{batch_size} * hr_patch * hr_patch * 3),
      lr_bytes_(std::int64_t{batch_size} * lr_patch * lr_patch * 3),
      lr_start_((2 * micro_batches * hr_bytes_ + kReadBehind) / kReadBehind * kReadBehind),
      micro_batches_(micro_batches),
      bytes_(at::zeros({lr_start_ + 2 * micro_batches * lr_bytes_ + kReadBehind},
                       at::TensorOptions(device).dtype(at::kByte))),
      count_(static_cast<std::uint32_t>(2 * micro_batches * batch_size)),
      stream_(c10::cuda::getStreamFromPool(false, device.index())) {
  std::vector<StoredImage> images(count_);
  for (std::size_t i = 0; i < images.size(); ++i) {
    images[i].hr_offset = i * static_cast<std::uint64_t>(hr_bytes_ / batch_size);
    images[i].lr_offset = static_cast<std::uint64_t>(lr_start_) + i * static_cast<std::uint64_t>(lr_bytes_ / batch_size);
    images[i].hr_width = images[i].hr_height = hr_patch;
    images[i].lr_width = images[i].lr_height = lr_patch;
  }
  table_ = at::from_blob(images.data(), {static_cast<std::int64_t>(images.size() * sizeof(StoredImage))}, at::kByte)
               .to(device, /*non_blocking=*/false, /*copy=*/true);
}

kernels::ImagesView GraphFeed::view() const {
  return {bytes_.const_data_ptr<std::uint8_t>(), reinterpret_cast<const StoredImage*>(table_.const_data_ptr<std::uint8_t>()),
          count_};
}

void GraphFeed::copy(std::span<const Batch> micro_batches, std::int64_t step, const c10::cuda::CUDAStream& compute) {
  Places& places = places_[step % 2];
  if (places.copied.isCreated()) places.copied.synchronize();  // two steps ago: the host's bytes are free again
  places.held.clear();
  if (places.used.isCreated()) places.used.block(stream_);
  auto* base = bytes_.mutable_data_ptr<std::uint8_t>();
  for (std::size_t m = 0; m < micro_batches.size(); ++m) {
    const std::int64_t place = step % 2 * micro_batches_ + static_cast<std::int64_t>(m);
    const auto put = [&](const std::shared_ptr<std::uint8_t>& from, std::int64_t offset, std::int64_t bytes) {
      C10_CUDA_CHECK(cudaMemcpyAsync(base + offset, from.get(), static_cast<std::size_t>(bytes), cudaMemcpyHostToDevice,
                                     stream_.stream()));
      places.held.push_back(from);
    };
    put(micro_batches[m].hr, place * hr_bytes_, hr_bytes_);
    put(micro_batches[m].lr, lr_start_ + place * lr_bytes_, lr_bytes_);
  }
  places.copied.record(stream_);
  places.copied.block(compute);
}

void GraphFeed::used(std::int64_t step, const c10::cuda::CUDAStream& compute) {
  places_[step % 2].used.record(compute);
}

}  // namespace wring
