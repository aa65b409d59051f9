#include "wring_train/engine/device.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include "wring/base/error.h"

namespace wring {
namespace {

constexpr auto kAggregate = static_cast<std::size_t>(at::CachingAllocator::StatType::AGGREGATE);

bool cpu_has_bf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

}  // namespace

at::Device choose_device(Device wanted) {
  const bool has_gpu = at::hasCUDA() && at::detail::getCUDAHooks().deviceCount() > 0;
  if (wanted == Device::cuda && !has_gpu) {
    // hasCUDA() asks the driver as well.
    throw at::detail::getCUDAHooks().hasCUDART()
        ? Error(ErrorCode::no_gpu, {"no GPU answers on this machine", "本机没有可用的 GPU"},
                {"run nvidia-smi to see whether the driver works, or use --device cpu",
                 "运行 nvidia-smi 检查驱动，或使用 --device cpu"})
        : Error(ErrorCode::no_gpu, {"this LibTorch was built without CUDA", "此 LibTorch 不含 CUDA"},
                {"build against a torch with CUDA (torch==2.11.0 from PyPI), or use --device cpu",
                 "请使用带 CUDA 的 torch（PyPI 的 torch==2.11.0）重新编译，或使用 --device cpu"});
  }
  if (wanted == Device::cpu || !has_gpu) return at::Device(at::kCPU);
  // Now, while there is one thread: LibTorch sets environment variables as it starts, which NCCL's threads, the
  // driver's and those that read the images read, and glibc before 2.41 frees the list of variables under their eyes.
  at::globalContext().lazyInitDevice(at::kCUDA);
  // Patch sizes never change during training, so timing cuDNN's algorithms once pays for itself at once.
  at::globalContext().setBenchmarkCuDNN(true);
  return at::Device(at::kCUDA, 0);
}

std::string describe(at::Device device) {
  if (device.is_cpu()) return fmt::format("CPU ({} threads)", at::get_num_threads());
  return fmt::format("GPU (CUDA device {})", static_cast<int>(device.index()));
}

void synchronize(at::Device device) {
  if (!device.is_cpu()) at::accelerator::synchronizeDevice(device.index());
}

std::optional<at::ScalarType> mixed_precision_type(const std::string& amp_dtype, at::Device device,
                                                   std::string& why_not) {
  if (device.is_cpu() && !cpu_has_bf16()) {
    why_not = "mixed precision is off: this CPU has no bf16 instructions, so it would only be slower";
    return std::nullopt;
  }
  return amp_dtype == "fp16" && !device.is_cpu() ? at::kHalf : at::kBFloat16;
}

std::int64_t peak_memory_mib(at::Device device) {
  if (!device.is_cpu()) {
    return at::accelerator::getDeviceStats(device.index()).allocated_bytes[kAggregate].peak >> 20;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss >> 10;  // KiB
}

void reset_peak_memory(at::Device device) {
  if (!device.is_cpu()) at::accelerator::resetPeakStats(device.index());
}

TrialMemory allocator_memory(at::Device device, std::int64_t unseen_bytes) {
  TrialMemory memory;
  if (device.is_cpu()) return memory;
  const auto stats = at::accelerator::getDeviceStats(device.index());
  memory.peak_allocated_mib = (stats.allocated_bytes[kAggregate].peak + unseen_bytes) >> 20;
  memory.peak_reserved_mib = stats.reserved_bytes[kAggregate].peak >> 20;
  memory.alloc_retries = stats.num_alloc_retries;
  const auto [free, total] = at::accelerator::getMemoryInfo(device.index());
  memory.device_free_mib = static_cast<std::int64_t>(free >> 20);
  memory.device_total_mib = static_cast<std::int64_t>(total >> 20);
  return memory;
}

}  // namespace wring
