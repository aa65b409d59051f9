#pragma once
#include <chrono>
#include <functional>

#include "wring/doctor/facts.h"

namespace wring {

using DiskClock = std::function<std::chrono::steady_clock::time_point()>;

// Writes, reads and removes a file of 64 MiB in the folder, or in its nearest parent that exists. `now` is asked before
// and after each of the two.
DiskFacts measure_disk(const std::filesystem::path& folder, const DiskClock& now = std::chrono::steady_clock::now);

}  // namespace wring
