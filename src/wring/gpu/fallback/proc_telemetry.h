#pragma once
#include <memory>
#include <vector>

#include "wring/gpu/telemetry.h"

namespace wring {

// The last resort: the names of the cards from /proc/driver/nvidia, else from /sys, and no values. Without a card it is
// the telemetry of a computer without GPUs. Either way `problems` say why. Throws only Error{usage} for options.gpus.
std::unique_ptr<Telemetry> open_proc_telemetry(const TelemetryOptions& options, std::vector<GpuProblem> problems);

}  // namespace wring
