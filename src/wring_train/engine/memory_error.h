#pragma once
#include <cstdint>

#include <c10/core/Device.h>

#include "wring/base/error.h"
#include "wring/config/train_config.h"

namespace wring {

// A training step or the images do not fit into the device's memory: the one failure that a smaller batch cures.
class DeviceMemoryError : public Error {
 public:
  using Error::Error;
};

// For a step whose micro-batches have `micro_batch` samples.
DeviceMemoryError step_out_of_memory(const TrainConfig& config, std::int64_t micro_batch, c10::Device device);

// How a batch is cut further when `micro_batch` samples at once do not fit: the smallest number that divides it, 2 for
// even ones; 1 when there is nothing left to divide.
std::int64_t next_cut(std::int64_t micro_batch);

}  // namespace wring
