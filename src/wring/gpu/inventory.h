#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wring/base/text.h"

namespace wring {

// Something that kept us from asking the GPUs, in words a user can act on.
struct GpuProblem {
  Text what;     // "NVML: driver/library version mismatch (code 18)"
  Text cure;     // "reboot, or reload the nvidia kernel module"
  int code = 0;  // NVML's return code where there is one, else 0
};

// One card. A value that could not be read is absent, never 0.
struct Gpu {
  int index = 0;  // NVML's, which need not be CUDA's
  std::string uuid;
  std::string name;  // "NVIDIA H200"
  std::string pci_bus_id;
  std::optional<std::int64_t> memory_total_mib;
  std::optional<std::int64_t> memory_used_mib;  // without what the driver reserves, where v2 exists
  std::optional<std::int64_t> memory_reserved_mib;
  std::optional<int> compute_capability_major;
  std::optional<int> compute_capability_minor;
  std::string mig_parent;             // UUID of the card that this MIG instance is a part of; "" for a whole card
  std::optional<GpuProblem> problem;  // this card cannot be asked (lost, permission denied); others can
  std::optional<GpuProblem> no_util;  // why it has no GPU-Util, where that is known beforehand (missing_util.h)
};

// Makes absent what cannot be: no memory at all, 2^64 - 1 bytes of it, a part that is larger than the whole.
void drop_impossible_memory(Gpu& gpu);

enum class GpuSource { nvml, nvidia_smi, none };

// "nvml", "nvidia-smi", "none".
std::string_view source_name(GpuSource source);

struct Inventory {
  GpuSource source = GpuSource::none;
  std::vector<Gpu> gpus;
  std::string driver_version;        // "" when unknown
  std::vector<GpuProblem> problems;  // why an earlier source of the chain could not be used; a source's warning
};

// Asks NVML, then nvidia-smi (3 s at most), then gives up with the reasons. Never throws for a missing GPU.
// The library's name can be replaced through WRING_NVML_LIBRARY, nvidia-smi's through WRING_NVIDIA_SMI.
Inventory take_inventory();

}  // namespace wring
