#include "wring/plan/machine.h"

#include <algorithm>
#include <cmath>

#include "wring/gpu/inventory.h"

namespace wring {

Machine machine_of(const Inventory& inventory, int cpu_cores) {
  Machine machine{std::nullopt, 0, cpu_cores};
  for (const Gpu& gpu : inventory.gpus) {
    if (!gpu.memory_total_mib) continue;
    ++machine.gpus;
    const double gib = static_cast<double>(*gpu.memory_total_mib) / 1024.0;
    if (machine.card && machine.card->memory_gib <= gib) continue;
    machine.card = Card{gpu.name, gib, gpu.compute_capability_major};
  }
  return machine;
}

int usable_cores(int mask_cores, std::optional<double> quota_cores) {
  if (quota_cores && *quota_cores < mask_cores) mask_cores = static_cast<int>(std::ceil(*quota_cores));
  return std::max(1, mask_cores);
}

}  // namespace wring
