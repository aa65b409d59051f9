#pragma once
#include <array>
#include <bitset>

#include "wring/gpu/nvml/energy_meter.h"
#include "wring/gpu/nvml/library.h"
#include "wring/gpu/nvml/pace.h"
#include "wring/gpu/telemetry.h"

namespace wring {

// What a card has said that it will never answer: asked once, not again.
class MissingMetrics {
 public:
  bool contains(Metric metric) const { return missing_[static_cast<std::size_t>(metric)]; }

  // The reading that a return code and a value make; remembers the metric where the code is permanent.
  Reading note(Metric metric, int code, double value);

 private:
  std::bitset<kMetricCount> missing_;
};

// The values that NVML gives one call at a time.
class NvmlReadings {
 public:
  explicit NvmlReadings(const nvml::Functions& functions) : functions_(functions) {}

  void read(nvml::Device device, double now_s, GpuSample& sample);

 private:
  void read_memory(nvml::Device device, GpuSample& sample);
  void read_utilization(nvml::Device device, GpuSample& sample);
  void read_throttle_reasons(nvml::Device device, GpuSample& sample);
  void read_rarely_changing(nvml::Device device, double now_s, GpuSample& sample);
  int temperature(nvml::Device device, double& celsius) const;

  // call(double&) → NVML's code.
  template <typename Call>
  void ask(Metric metric, GpuSample& sample, Call call);

  const nvml::Functions& functions_;
  MissingMetrics missing_;
  bool no_memory_v2_ = false;
  bool no_throttle_reasons_ = false;
  EnergyMeter energy_;
  // The limit and the error counts change when somebody changes them or when memory breaks.
  Pace rarely_changing_pace_{5, 2, 5};
  GpuSample rarely_changing_;
};

}  // namespace wring
