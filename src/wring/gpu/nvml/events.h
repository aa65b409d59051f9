#pragma once
#include "wring/gpu/nvml/library.h"
#include "wring/gpu/telemetry.h"

namespace wring {

// The driver's error reports about a card. Absent where the driver or the operating system does not offer them.
class NvmlEvents {
 public:
  NvmlEvents(const nvml::Functions& functions, nvml::Device device);
  ~NvmlEvents();
  NvmlEvents(const NvmlEvents&) = delete;
  NvmlEvents& operator=(const NvmlEvents&) = delete;

  // Adds the Xids that have come since the last call; never waits.
  void read(GpuSample& sample);

 private:
  const nvml::Functions& functions_;
  nvml::EventSet set_ = nullptr;
};

}  // namespace wring
