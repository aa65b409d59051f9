#pragma once
#include <cstdint>

#include <ATen/core/Tensor.h>

#include "wring/trial/trial.h"

namespace wring {

// What LibTorch's allocator took of a device since its last reset_peak_memory(). `unseen_bytes`: beside what it counts
// as allocated, within what it reserved. On the CPU nothing counts it: all absent.
TrialMemory allocator_memory(at::Device device, std::int64_t unseen_bytes = 0);

}  // namespace wring
