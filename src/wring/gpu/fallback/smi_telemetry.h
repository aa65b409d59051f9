#pragma once
#include <chrono>
#include <memory>
#include <vector>

#include "wring/gpu/telemetry.h"

namespace wring {

// Telemetry from nvidia-smi, for computers where it works and NVML cannot be opened. One call answers for all cards; it
// takes tenths of a second, tells neither processes nor GPM nor bus traffic, and is killed after `timeout`. Null, with
// the reason added to `problems`, when it cannot be asked. `problems` so far are kept. Throws only Error{usage} for
// options.gpus.
std::unique_ptr<Telemetry> open_smi_telemetry(const TelemetryOptions& options, std::vector<GpuProblem>& problems,
                                              std::chrono::milliseconds timeout = std::chrono::seconds(3));

// What nvidia-smi wrote for one value: a number, a bracketed reason, or nothing of sense.
Reading read_smi_value(Metric metric, const std::string& text);

}  // namespace wring
