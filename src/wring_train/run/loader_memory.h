#pragma once
#include <cstdint>

#include "wring/config/train_config.h"

namespace wring {

// The host's memory that can be had without swapping, as the kernel says, within the limit of the control group.
std::int64_t available_host_bytes();

// Refuses a loader whose workers would prepare more batches than fit into the host's memory: the kernel would end the
// run once they are ready. Throws Error{failed} with the numbers and the three keys that decide.
void check_loader_memory(const TrainConfig& config, std::int64_t available_bytes);

}  // namespace wring
