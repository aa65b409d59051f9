#pragma once
#include <cstdint>
#include <optional>

#include "wring/config/train_config.h"

namespace wring {

// Refuses a loader whose workers would prepare more batches than fit into the host's memory: the kernel would end the
// run once they are ready. Throws Error{failed} with the numbers and the three keys that decide. An amount that is not
// known refuses nothing.
void check_loader_memory(const TrainConfig& config, std::optional<std::int64_t> available_bytes);

}  // namespace wring
