#pragma once
#include <memory>
#include <span>

#include <ATen/core/Tensor.h>

#include "wring/config/train_config.h"
#include "wring_train/data/batch.h"
#include "wring_train/engine/images.h"

namespace wring {

// The patches of these batches as images on a GPU, and settings that draw batches of the same shape from them: for
// measuring steps without data. `batches` have bytes and one shape.
std::shared_ptr<const DeviceImages> resident_images(std::span<const Batch> batches, at::Device device,
                                                    const TrainConfig& config, SamplerSettings& settings);

}  // namespace wring
