#pragma once
#include <array>
#include <memory>
#include <optional>

#include "wring/gpu/nvml_library.h"
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

  // Does nothing where the card has no GPM. Rates that `sample` has already from exact counters stay.
  void read(nvml::Device device, double now_s, GpuSample& sample);

 private:
  struct Slot {
    nvml::GpmSample sample = nullptr;
    std::optional<double> time_s;  // absent: never filled
  };

  bool prepare(nvml::Device device);
  int fill(nvml::Device device, Slot& slot, double now_s);
  const Slot* baseline(double now_s) const;
  void compute(const Slot& from, const Slot& to);
  void store(GpuSample& sample) const;
  void all(const Reading& reading);

  const nvml::Functions& functions_;
  nvml::Device parent_;
  std::optional<unsigned> mig_instance_;
  enum class Support { unknown, yes, no } support_ = Support::unknown;
  std::array<Slot, 3> slots_;
  std::size_t newest_ = 0;
  std::unique_ptr<nvml::GpmMetrics> request_;
  Readings latest_;
};

}  // namespace wring
