#include "wring/gpu/inventory.h"

#include <utility>

#include <fmt/format.h>

#include "wring/gpu/nvidia_smi.h"
#include "wring/gpu/nvml_errors.h"
#include "wring/gpu/nvml_library.h"

namespace wring {
namespace {

constexpr std::uint64_t bytes_per_mib = 1024 * 1024;

std::int64_t mib(std::uint64_t bytes) {
  return static_cast<std::int64_t>(bytes / bytes_per_mib);
}

GpuProblem nvml_problem(int code) {
  const nvml::ErrorRow& row = nvml::error_row(code);
  return {{fmt::format("NVML: {} (code {})", row.message.en, code),
           fmt::format("NVML：{}（代码 {}）", row.message.zh, code)},
          row.cure,
          code};
}

// The loader's words matter when the library is there and cannot be used (another architecture, a missing
// file).
GpuProblem load_problem(const nvml::Library& library) {
  GpuProblem problem = nvml_problem(library.status());
  if (library.failure().find("No such file") == std::string::npos && !library.failure().empty()) {
    problem.what.en += ": " + library.failure();
    problem.what.zh += "：" + library.failure();
  }
  return problem;
}

template <typename Function>
std::string read_string(Function* function, nvml::Device device) {
  char buffer[96] = {};  // NVML_DEVICE_UUID_V2_BUFFER_SIZE and NVML_DEVICE_NAME_V2_BUFFER_SIZE
  return nvml::call(function, device, buffer, unsigned{sizeof buffer}) == nvml::success ? buffer : "";
}

// Version 2 tells used from reserved; version 1 counts what the driver reserves as used.
int read_memory(const nvml::Functions& functions, nvml::Device device, Gpu& gpu) {
  nvml::MemoryV2 memory;
  if (nvml::call(functions.device_memory_v2, device, &memory) == nvml::success) {
    gpu.memory_total_mib = mib(memory.total);
    gpu.memory_used_mib = mib(memory.used);
    gpu.memory_reserved_mib = mib(memory.reserved);
    return nvml::success;
  }
  nvml::Memory old{};
  const int code = nvml::call(functions.device_memory, device, &old);
  if (code != nvml::success) return code;
  gpu.memory_total_mib = mib(old.total);
  gpu.memory_used_mib = mib(old.used);
  return nvml::success;
}

Gpu read_gpu(const nvml::Functions& functions, unsigned index) {
  Gpu gpu;
  gpu.index = static_cast<int>(index);
  nvml::Device device = nullptr;
  if (const int code = nvml::call(functions.device_by_index, index, &device); code != nvml::success) {
    gpu.problem = nvml_problem(code);
    return gpu;
  }
  gpu.uuid = read_string(functions.device_uuid, device);
  gpu.name = read_string(functions.device_name, device);
  nvml::PciInfo pci{};
  if (nvml::call(functions.device_pci_info, device, &pci) == nvml::success) gpu.pci_bus_id = pci.bus_id;
  int major = 0, minor = 0;
  if (nvml::call(functions.device_compute_capability, device, &major, &minor) == nvml::success) {
    gpu.compute_capability_major = major;
    gpu.compute_capability_minor = minor;
  }
  // A card that shares the computer's memory answers "not supported": an absent value, not a broken card.
  constexpr int not_supported = 3;
  const int code = read_memory(functions, device, gpu);
  if (code != nvml::success && code != not_supported) gpu.problem = nvml_problem(code);
  return gpu;
}

// Fills the inventory from NVML; false, with the reason among the problems, when NVML cannot be asked.
bool ask_nvml(Inventory& inventory) {
  const nvml::Library library;
  if (library.status() != nvml::success) {
    inventory.problems.push_back(load_problem(library));
    return false;
  }
  const nvml::Functions& functions = library.functions();
  unsigned count = 0;
  if (const int code = nvml::call(functions.device_count, &count); code != nvml::success) {
    inventory.problems.push_back(nvml_problem(code));
    return false;
  }
  inventory.source = GpuSource::nvml;
  char version[80] = {};  // NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE
  if (nvml::call(functions.driver_version, version, unsigned{sizeof version}) == nvml::success) {
    inventory.driver_version = version;
  }
  for (unsigned index = 0; index < count; ++index) inventory.gpus.push_back(read_gpu(functions, index));
  return true;
}

const Text no_card{"the NVIDIA driver runs, but shows no GPU", "NVIDIA 驱动在运行，但没有可见的 GPU"};

}  // namespace

Inventory take_inventory() {
  Inventory inventory;
  if (!ask_nvml(inventory)) {
    SmiAnswer answer = ask_nvidia_smi();
    if (answer.problem) {
      inventory.problems.push_back(*std::move(answer.problem));
      return inventory;
    }
    inventory.source = GpuSource::nvidia_smi;
    inventory.gpus = std::move(answer.gpus);
    inventory.driver_version = std::move(answer.driver_version);
  }
  if (inventory.gpus.empty()) {
    inventory.problems.push_back({no_card, nvml::error_row(17).cure, 0});
  }
  return inventory;
}

}  // namespace wring
