#include "wring/gpu/nvml/gpu.h"

#include "wring/base/display_text.h"
#include "wring/gpu/nvml/errors.h"
#include "wring/gpu/nvml/missing_util.h"
#include "wring/gpu/nvml/problem.h"

namespace wring {
namespace {

constexpr std::uint64_t kBytesPerMib = 1024 * 1024;

std::int64_t mib(std::uint64_t bytes) {
  return static_cast<std::int64_t>(bytes / kBytesPerMib);
}

template <typename Function>
std::string read_string(Function* function, nvml::Device device) {
  char buffer[96] = {};  // NVML_DEVICE_UUID_V2_BUFFER_SIZE and NVML_DEVICE_NAME_V2_BUFFER_SIZE
  return nvml::call(function, device, buffer, unsigned{sizeof buffer}) == nvml::kSuccess ? without_controls(buffer)
                                                                                         : "";
}

// Version 2 tells used from reserved; version 1 counts what the driver reserves as used.
int read_memory(const nvml::Functions& functions, nvml::Device device, Gpu& gpu) {
  nvml::MemoryV2 memory;
  if (nvml::call(functions.device_memory_v2, device, &memory) == nvml::kSuccess) {
    gpu.memory_total_mib = mib(memory.total);
    gpu.memory_used_mib = mib(memory.used);
    gpu.memory_reserved_mib = mib(memory.reserved);
    return nvml::kSuccess;
  }
  nvml::Memory old{};
  const int code = nvml::call(functions.device_memory, device, &old);
  if (code != nvml::kSuccess) return code;
  gpu.memory_total_mib = mib(old.total);
  gpu.memory_used_mib = mib(old.used);
  return nvml::kSuccess;
}

void read_facts(const nvml::Functions& functions, nvml::Device device, Gpu& gpu) {
  gpu.uuid = read_string(functions.device_uuid, device);
  gpu.name = read_string(functions.device_name, device);
  // A card that shares the computer's memory answers "not supported": an absent value, not a broken card.
  const int code = read_memory(functions, device, gpu);
  if (code != nvml::kSuccess && code != nvml::kNotSupported) gpu.problem = nvml_problem(code);
  drop_impossible_memory(gpu);
}

bool mig_is_on(const nvml::Functions& functions, nvml::Device device) {
  unsigned mode = 0, pending = 0;
  return nvml::call(functions.mig_mode, device, &mode, &pending) == nvml::kSuccess && mode == 1;
}

}  // namespace

NvmlGpu read_nvml_gpu(const nvml::Functions& functions, unsigned index) {
  NvmlGpu read;
  Gpu& gpu = read.gpu;
  gpu.index = static_cast<int>(index);
  if (const int code = nvml::call(functions.device_by_index, index, &read.device); code != nvml::kSuccess) {
    gpu.problem = nvml_problem(code);
    read.device = nullptr;
    return read;
  }
  nvml::PciInfo pci{};
  if (nvml::call(functions.device_pci_info, read.device, &pci) == nvml::kSuccess) gpu.pci_bus_id = pci.bus_id;
  int major = 0, minor = 0;
  if (nvml::call(functions.device_compute_capability, read.device, &major, &minor) == nvml::kSuccess) {
    gpu.compute_capability_major = major;
    gpu.compute_capability_minor = minor;
  }
  if (mig_is_on(functions, read.device)) gpu.no_util = kMigCardHasNoUtil;
  read_facts(functions, read.device, gpu);
  return read;
}

std::vector<NvmlGpu> read_mig_instances(const nvml::Functions& functions, const NvmlGpu& parent) {
  std::vector<NvmlGpu> instances;
  unsigned most = 0;
  if (parent.device == nullptr || !mig_is_on(functions, parent.device)) return instances;
  if (nvml::call(functions.mig_count, parent.device, &most) != nvml::kSuccess) return instances;
  for (unsigned i = 0; i < most; ++i) {
    NvmlGpu instance{parent.gpu, nullptr};
    // The places of instances that were never made or were destroyed answer "not found".
    if (nvml::call(functions.mig_by_index, parent.device, i, &instance.device) != nvml::kSuccess) continue;
    instance.gpu.mig_parent = parent.gpu.uuid;
    instance.gpu.problem.reset();
    instance.gpu.no_util = kMigInstanceHasNoUtil;
    instance.gpu.memory_total_mib = instance.gpu.memory_used_mib = instance.gpu.memory_reserved_mib = std::nullopt;
    read_facts(functions, instance.device, instance.gpu);
    instances.push_back(std::move(instance));
  }
  return instances;
}

int find_nvml_device(const nvml::Functions& functions, const Gpu& gpu, nvml::Device& device) {
  if (gpu.uuid.empty() || functions.device_by_uuid == nullptr) {
    return nvml::call(functions.device_by_index, static_cast<unsigned>(gpu.index), &device);
  }
  return nvml::call(functions.device_by_uuid, gpu.uuid.c_str(), &device);
}

std::string read_driver_version(const nvml::Functions& functions) {
  char version[80] = {};  // NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE
  const int code = nvml::call(functions.driver_version, version, unsigned{sizeof version});
  return code == nvml::kSuccess ? without_controls(version) : "";
}

}  // namespace wring
