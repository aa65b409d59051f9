#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wring/gpu/inventory.h"

namespace wring {

// What nvidia-smi told, or why it could not be asked.
struct SmiAnswer {
  std::vector<Gpu> gpus;
  std::string driver_version;
  std::optional<GpuProblem> problem;
};

// Asks nvidia-smi (or what WRING_NVIDIA_SMI names) for its cards; again with fewer fields when it is too old
// to know them all. Never throws.
SmiAnswer ask_nvidia_smi(std::chrono::milliseconds timeout = std::chrono::seconds(3));

// Reads `--format=csv,noheader,nounits` lines whose columns are `fields`. Values in brackets ("[N/A]",
// "[Not Supported]") and anything that is not a number where one belongs are absent.
SmiAnswer parse_nvidia_smi(std::string_view csv, const std::vector<std::string>& fields);

}  // namespace wring
