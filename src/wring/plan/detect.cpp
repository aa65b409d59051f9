#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>

#include <sched.h>

#include "wring/gpu/inventory.h"
#include "wring/plan/machine.h"

namespace wring {
namespace {

int cores_in_mask() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  return ::sched_getaffinity(0, sizeof(mask), &mask) == 0 ? CPU_COUNT(&mask) : 1;
}

std::string first_line(const char* path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

}  // namespace

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
  if (blank < cpu_max.size())
    std::from_chars(cpu_max.data() + blank + 1, cpu_max.data() + cpu_max.size(), period);
  if (quota > 0 && period > 0) {
    mask_cores =
        std::min<int>(mask_cores, static_cast<int>(std::min<long>((quota + period - 1) / period, 1 << 20)));
  }
  return std::max(1, mask_cores);
}

Machine detect_machine() {
  return machine_of(take_inventory(), usable_cores(cores_in_mask(), first_line("/sys/fs/cgroup/cpu.max")));
}

}  // namespace wring
