#pragma once
#include <array>
#include <memory>
#include <optional>

#include "wring/gpu/nvml/library.h"
#include "wring/gpu/telemetry.h"

namespace wring {

// GPM, on Hopper and later: what the units of the card did between two samples of the card's own counters.
class NvmlGpm {
 public:
  // `mig_instance`: of a MIG instance, whose samples are then asked of `parent`.
  NvmlGpm(const nvml::Functions& functions, nvml::Device parent, std::optional<unsigned> mig_instance);
  ~NvmlGpm();
  NvmlGpm(const NvmlGpm&) = delete;
  NvmlGpm& operator=(const NvmlGpm&) = delete;

  // Does nothing where the card has no GPM. NVLink's rates that `sample` has already from exact counters stay.
  void read(nvml::Device device, double now_s, GpuSample& sample);

  // Whether the card has GPM; false also as long as that is not known.
  bool supported() const { return support_ == Support::yes; }

 private:
  bool prepare(nvml::Device device);
  void take_sample(nvml::Device device, double now_s);
  void compute();
  void store(GpuSample& sample) const;
  void all(const Reading& reading);

  const nvml::Functions& functions_;
  nvml::Device parent_;
  std::optional<unsigned> mig_instance_;
  enum class Support { unknown, yes, no } support_ = Support::unknown;
  nvml::GpmSample before_ = nullptr;
  nvml::GpmSample now_ = nullptr;
  std::optional<double> before_s_;  // absent: never filled
  std::unique_ptr<nvml::GpmMetrics> request_;
  Readings latest_;
};

}  // namespace wring
