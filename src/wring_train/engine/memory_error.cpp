#include "wring_train/engine/memory_error.h"

#include <fmt/format.h>

#include <ATen/DeviceAccelerator.h>

namespace wring {

DeviceMemoryError step_out_of_memory(const TrainConfig& config, std::int64_t micro_batch, c10::Device device) {
  Text size{"this machine's memory", "本机内存"};
  if (!device.is_cpu()) {
    const std::size_t total = at::accelerator::getMemoryInfo(device.index()).second;
    size = {"this GPU's {} MiB of memory", "本 GPU 的 {} MiB 显存", total >> 20};
  }
  const Text what{"a training step on {} samples of patch_size {} needs more than {}",
                  "{} 个 patch_size {} 样本的训练步超出了{}", micro_batch, config.patch_size, size};
  const std::int64_t cut = next_cut(micro_batch);
  if (cut == 1)
    return {ErrorCode::failed, what, {"lower patch_size or base_channels", "请减小 patch_size 或 base_channels"}};
  const std::int64_t smaller = micro_batch / cut;
  const std::int64_t steps = config.batch_size * config.gradient_accumulation_steps / smaller;
  return {ErrorCode::failed,
          what,
          {"set batch_size to {} and gradient_accumulation_steps to {} (the same effective batch), or lower "
           "patch_size",
           "把 batch_size 设为 {}、gradient_accumulation_steps 设为 {}（等效批量不变），或减小 patch_size", smaller,
           steps}};
}

std::int64_t next_cut(std::int64_t micro_batch) {
  for (std::int64_t factor = 2; factor <= micro_batch; ++factor) {
    if (micro_batch % factor == 0) return factor;
  }
  return 1;
}

}  // namespace wring
