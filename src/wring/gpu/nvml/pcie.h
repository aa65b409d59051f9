#pragma once
#include "wring/gpu/nvml/library.h"
#include "wring/gpu/nvml/readings.h"

namespace wring {

// PCIe traffic of cards without GPM, from the driver's byte counters.
class NvmlPcie {
 public:
  explicit NvmlPcie(const nvml::Functions& functions) : functions_(functions) {}

  // The rates of a window of 10 ms, for which it waits: the counters have 32 bits, a fast card fills them 13 times a
  // second, and the difference between two ticks would be a random number.
  void read(nvml::Device device, GpuSample& sample, double (*clock)());

 private:
  struct Counts {
    double time_s = 0;
    nvml::FieldValue transmitted, received;
  };
  int count(nvml::Device device, Counts& counts, double (*clock)()) const;
  void store(Metric metric, int code, const nvml::FieldValue& before, const nvml::FieldValue& now, double clock_s,
             GpuSample& sample);

  const nvml::Functions& functions_;
  MissingMetrics missing_;
};

}  // namespace wring
