#pragma once
#include "wring/gpu/inventory.h"
#include "wring/gpu/nvml/library.h"

namespace wring {

// A return code of NVML in words, with its cure.
GpuProblem nvml_problem(int code);

// Why the library could not be opened or initialised.
GpuProblem nvml_load_problem(const nvml::Library& library);

// The driver works and shows no card.
GpuProblem no_card_problem();

}  // namespace wring
