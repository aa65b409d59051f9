#pragma once
#include <string>
#include <utility>
#include <vector>

#include "wring/gpu/inventory.h"
#include "wring/gpu/nvml/library.h"

namespace wring {

// A card as NVML knows it.
struct NvmlGpu {
  Gpu gpu;
  nvml::Device device = nullptr;  // null where gpu.problem says why
};

// The static facts of card `index`, and its memory at this moment.
NvmlGpu read_nvml_gpu(const nvml::Functions& functions, unsigned index);

// The MIG instances of a card, each as a card with the parent's index and its own UUID, name and memory. Empty where
// MIG is off.
std::vector<NvmlGpu> read_mig_instances(const nvml::Functions& functions, const NvmlGpu& parent);

// The handle of a card that was read before; by UUID, because indices move.
int find_nvml_device(const nvml::Functions& functions, const Gpu& gpu, nvml::Device& device);

// "" when it cannot be told.
std::string read_driver_version(const nvml::Functions& functions);

}  // namespace wring
