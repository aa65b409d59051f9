#include "wring/plan/machine.h"

#include <algorithm>
#include <charconv>

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

int usable_cores(int mask_cores, std::string_view cpu_max) {
  long quota = 0;
  long period = 0;
  const std::size_t blank = std::min(cpu_max.find(' '), cpu_max.size());
  std::from_chars(cpu_max.data(), cpu_max.data() + blank, quota);
  if (blank < cpu_max.size()) std::from_chars(cpu_max.data() + blank + 1, cpu_max.data() + cpu_max.size(), period);
  if (quota > 0 && period > 0) {
    mask_cores = std::min<int>(mask_cores, static_cast<int>(std::min<long>((quota + period - 1) / period, 1 << 20)));
  }
  return std::max(1, mask_cores);
}

}  // namespace wring
