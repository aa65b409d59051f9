#include "wring_train/measure/allocator_memory.h"

#include <ATen/DeviceAccelerator.h>

namespace wring {

TrialMemory allocator_memory(at::Device device, std::int64_t unseen_bytes) {
  TrialMemory memory;
  if (device.is_cpu()) return memory;
  const auto stats = at::accelerator::getDeviceStats(device.index());
  constexpr auto kAggregate = static_cast<std::size_t>(at::CachingAllocator::StatType::AGGREGATE);
  memory.peak_allocated_mib = (stats.allocated_bytes[kAggregate].peak + unseen_bytes) >> 20;
  memory.peak_reserved_mib = stats.reserved_bytes[kAggregate].peak >> 20;
  memory.alloc_retries = stats.num_alloc_retries;
  const auto [free, total] = at::accelerator::getMemoryInfo(device.index());
  memory.device_free_mib = static_cast<std::int64_t>(free >> 20);
  memory.device_total_mib = static_cast<std::int64_t>(total >> 20);
  return memory;
}

}  // namespace wring
