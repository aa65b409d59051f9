#pragma once
#include <optional>
#include <string_view>
#include <vector>

#include "wring/gpu/inventory.h"

namespace wring {

// The cards that a CUDA program sees, in its order. `variable`: the value of CUDA_VISIBLE_DEVICES, nullopt where it is
// not set: all. As CUDA reads it: indices or UUIDs (or beginnings of one) with commas between; a name that is no card's
// hides all that follow it, so "" and "-1" hide every card. CUDA counts cards of one kind as the driver does; of
// different kinds it does with CUDA_DEVICE_ORDER=PCI_BUS_ID.
std::vector<Gpu> visible_gpus(const std::vector<Gpu>& gpus, std::optional<std::string_view> variable);

}  // namespace wring
