#pragma once
#include <memory>
#include <vector>

#include "wring/gpu/telemetry.h"

namespace wring {

// Telemetry from NVML, kept open until the object goes. Null, with the reason added to `problems`, when NVML cannot be
// asked at all. Throws only Error{usage} for options.gpus.
std::unique_ptr<Telemetry> open_nvml_telemetry(const TelemetryOptions& options, std::vector<GpuProblem>& problems);

}  // namespace wring
