#pragma once
#include "wring/doctor/facts.h"

namespace wring {

// Writes, reads and removes a file of 64 MiB in the folder, or in its nearest parent that exists.
DiskFacts measure_disk(const std::filesystem::path& folder);

}  // namespace wring
