#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include <ATen/core/Tensor.h>

#include "wring/base/device.h"
#include "wring/trial/trial.h"

namespace wring {

// The device to run on: the first GPU when this LibTorch has CUDA and one answers, else the CPU.
// Throws Error{no_gpu} when a GPU is demanded and there is none.
at::Device choose_device(Device wanted);

// "NVIDIA H200 (CUDA 0)" or "CPU (2 threads)".
std::string describe(at::Device device);

// Waits until all work on the device has finished.
void synchronize(at::Device device);

// The low precision of mixed-precision training (on the CPU always bf16: LibTorch has no fast fp16 there), or nothing
// with the reason in `why_not` where it would only be slower (a CPU without bf16 instructions).
std::optional<at::ScalarType> mixed_precision_type(const std::string& amp_dtype, at::Device device,
                                                   std::string& why_not);

// Peak memory of this process so far, in MiB: what the caching allocator held on a GPU, resident memory on the CPU.
std::int64_t peak_memory_mib(at::Device device);
void reset_peak_memory(at::Device device);

// What LibTorch's allocator took of a device since its last reset_peak_memory(). `unseen_bytes`: beside what it counts
// as allocated, within what it reserved. On the CPU nothing counts it: all absent.
TrialMemory allocator_memory(at::Device device, std::int64_t unseen_bytes = 0);

}  // namespace wring
