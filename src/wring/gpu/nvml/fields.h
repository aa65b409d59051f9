#pragma once
#include <vector>

#include "wring/gpu/nvml/counter_rate.h"
#include "wring/gpu/nvml/library.h"
#include "wring/gpu/nvml/readings.h"

namespace wring {

// The values that NVML gives by number, all in one call: memory temperature, and the bytes that NVLink has carried,
// which become rates here.
class NvmlFields {
 public:
  explicit NvmlFields(const nvml::Functions& functions);

  void read(nvml::Device device, GpuSample& sample, double (*clock)());

 private:
  struct Field {
    Metric metric;
    nvml::FieldId id;
    std::uint32_t scope;
    CounterRate rate;  // for those that count
  };
  void store(Field& field, const nvml::FieldValue& value, double now_s, GpuSample& sample);

  const nvml::Functions& functions_;
  MissingMetrics missing_;
  std::vector<Field> fields_;
  std::vector<nvml::FieldValue> values_;  // kept so that a tick allocates nothing
};

}  // namespace wring
