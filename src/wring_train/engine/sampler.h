#pragma once
#include <cstdint>
#include <memory>

#include <ATen/core/Tensor.h>

#include "wring_train/engine/images.h"

namespace wring {

// A batch on the device: hr (N, H, W, 3) and lr (N, h, w, 3) as bytes, or both as floats (N, 3, H, W).
struct SampledBatch {
  at::Tensor hr;
  at::Tensor lr;
};

// Cuts batches on the device from a decoded set, the same bytes as the loader on the host.
class DeviceSampler {
 public:
  // Throws Error{no_gpu} on the CPU.
  DeviceSampler(std::shared_ptr<const DeviceImages> images, const kernels::SamplerSettings& settings,
                at::Device device);

  // Micro-batch `step`, on the current stream. The tensors are new ones each time.
  SampledBatch cut(std::int64_t step);

 private:
  std::shared_ptr<const DeviceImages> images_;
  kernels::SamplerSettings settings_;
  at::Device device_;
  at::Tensor step_;
  at::Tensor draws_;
};

}  // namespace wring
