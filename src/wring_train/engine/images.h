#pragma once
#include <cstdint>
#include <span>

#include <ATen/core/Tensor.h>

#include "wring_train/image/stored_image.h"
#include "wring_train/kernels/step/sample_batch.h"

namespace wring {

// A decoded set where a GPU reads it without the host: in its own memory, or in page-locked host memory that kernels
// read over the bus.
class DeviceImages {
 public:
  enum class Place { device, pinned_host };

  // Copies; some image must have a width. Throws Error{failed} with both sizes when there is no room.
  DeviceImages(std::span<const std::uint8_t> bytes, std::span<const StoredImage> images, at::Device device,
               Place place);

  kernels::ImagesView view() const;  // device pointers; valid as long as this object
  Place place() const { return place_; }
  std::int64_t size_bytes() const { return size_bytes_; }

 private:
  Place place_;
  std::int64_t size_bytes_ = 0;
  at::Tensor bytes_;  // in its place
  at::Tensor table_;  // always on the device
  std::uint32_t count_ = 0;
};

}  // namespace wring
