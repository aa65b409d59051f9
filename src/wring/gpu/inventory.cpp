#include "wring/gpu/inventory.h"

#include <utility>

#include "wring/gpu/fallback/nvidia_smi.h"
#include "wring/gpu/metrics.h"
#include "wring/gpu/nvml/errors.h"
#include "wring/gpu/nvml/gpu.h"
#include "wring/gpu/nvml/library.h"
#include "wring/gpu/nvml/problem.h"

namespace wring {
namespace {

// Fills the inventory from NVML; false, with the reason among the problems, when NVML cannot be asked.
bool ask_nvml(Inventory& inventory) {
  const nvml::Library library;
  if (library.status() != nvml::kSuccess) {
    inventory.problems.push_back(nvml_load_problem(library));
    return false;
  }
  const nvml::Functions& functions = library.functions();
  unsigned count = 0;
  if (const int code = nvml::call(functions.device_count, &count); code != nvml::kSuccess) {
    inventory.problems.push_back(nvml_problem(code));
    return false;
  }
  inventory.source = GpuSource::nvml;
  inventory.driver_version = read_driver_version(functions);
  for (unsigned index = 0; index < count; ++index) {
    inventory.gpus.push_back(read_nvml_gpu(functions, index).gpu);
  }
  return true;
}

}  // namespace

void drop_impossible_memory(Gpu& gpu) {
  auto& total = gpu.memory_total_mib;
  if (total && !is_possible(Metric::memory_total, static_cast<double>(*total))) total.reset();
  for (auto* part : {&gpu.memory_used_mib, &gpu.memory_reserved_mib}) {
    if (!*part) continue;
    const bool possible = is_possible(Metric::memory_used, static_cast<double>(**part));
    if (!possible || (total && **part > *total)) part->reset();
  }
}

Inventory take_inventory() {
  Inventory inventory;
  if (!ask_nvml(inventory)) {
    SmiAnswer answer = ask_nvidia_smi();
    if (answer.problem) {
      inventory.problems.push_back(*std::move(answer.problem));
      return inventory;
    }
    if (answer.warning) inventory.problems.push_back(*std::move(answer.warning));
    inventory.source = GpuSource::nvidia_smi;
    inventory.gpus = std::move(answer.gpus);
    inventory.driver_version = std::move(answer.driver_version);
  }
  if (inventory.gpus.empty()) inventory.problems.push_back(no_card_problem());
  return inventory;
}

std::string_view source_name(GpuSource source) {
  switch (source) {
    case GpuSource::nvml:
      return "nvml";
    case GpuSource::nvidia_smi:
      return "nvidia-smi";
    case GpuSource::none:
      break;
  }
  return "none";
}

}  // namespace wring
