#pragma once
#include <optional>

#include "wring/gpu/nvml/events.h"
#include "wring/gpu/nvml/fields.h"
#include "wring/gpu/nvml/gpm.h"
#include "wring/gpu/nvml/gpu.h"
#include "wring/gpu/nvml/pcie.h"
#include "wring/gpu/nvml/processes.h"
#include "wring/gpu/nvml/readings.h"

namespace wring {

// One card, or one MIG instance, that is sampled again and again. Used by one thread at a time.
class NvmlCard {
 public:
  NvmlCard(const nvml::Functions& functions, const NvmlGpu& gpu, nvml::Device parent, const TelemetryOptions& options);
  GpuSample sample();

 private:
  bool fail_when_out_of_reach(GpuSample& sample);
  void read_all(GpuSample& sample);

  const nvml::Functions& functions_;
  Gpu gpu_;
  nvml::Device device_;
  const TelemetryOptions& options_;
  bool may_sleep_;
  NvmlReadings readings_;
  NvmlFields fields_;
  NvmlPcie pcie_;
  NvmlProcesses processes_;
  std::optional<NvmlGpm> gpm_;
  std::optional<NvmlEvents> events_;
};

}  // namespace wring
