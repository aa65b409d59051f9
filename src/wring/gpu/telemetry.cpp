#include "wring/gpu/telemetry.h"

#include "wring/gpu/fallback/proc_telemetry.h"
#include "wring/gpu/fallback/smi_telemetry.h"
#include "wring/gpu/nvml/telemetry.h"

namespace wring {

std::unique_ptr<Telemetry> open_telemetry(const TelemetryOptions& options) {
  std::vector<GpuProblem> problems;
  if (auto telemetry = open_nvml_telemetry(options, problems)) return telemetry;
  if (auto telemetry = open_smi_telemetry(options, problems)) return telemetry;
  return open_proc_telemetry(options, problems);
}

}  // namespace wring
