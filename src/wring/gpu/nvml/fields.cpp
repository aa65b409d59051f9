#include "wring/gpu/nvml/fields.h"

#include <limits>
#include <optional>

#include "wring/gpu/nvml/errors.h"

namespace wring {
namespace {

constexpr double kMibPerKib = 1.0 / 1024;
constexpr double kMostPcieMibS = 512.0 * 1024;         // four times what sixteen lanes of the sixth generation carry
constexpr double kMostNvlinkMibS = 4.0 * 1024 * 1024;  // above all links of the fifth generation together

CounterRate nvlink_rate() {
  return {kMibPerKib, kMostNvlinkMibS};
}

}  // namespace

NvmlFields::NvmlFields(const nvml::Functions& functions)
    : functions_(functions),
      fields_{{Metric::memory_temperature, nvml::field_memory_temperature, 0, {1, 0}},
              {Metric::nvlink_tx, nvml::field_nvlink_data_tx, nvml::kAllLinks, nvlink_rate()},
              {Metric::nvlink_rx, nvml::field_nvlink_data_rx, nvml::kAllLinks, nvlink_rate()}} {}

void NvmlFields::read(nvml::Device device, GpuSample& sample, double (*clock)()) {
  std::erase_if(fields_, [this](const Field& field) { return missing_.contains(field.metric); });
  if (fields_.empty()) return;
  values_.assign(fields_.size(), nvml::FieldValue{});
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    values_[i].field = fields_[i].id;
    values_[i].scope = fields_[i].scope;
  }
  const int code = nvml::read_fields(functions_, device, values_);
  const double now_s = clock();
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (code != nvml::kSuccess) values_[i].result = code;
    store(fields_[i], values_[i], now_s, sample);
  }
}

void NvmlFields::store(Field& field, const nvml::FieldValue& value, double now_s, GpuSample& sample) {
  // Drivers older than a field call its number an invalid argument.
  const int code = value.result == nvml::kInvalidArgument ? nvml::kNotSupported : value.result;
  if (code != nvml::kSuccess) {
    field.rate.forget();
    sample[field.metric] = missing_.note(field.metric, code, 0);
    return;
  }
  const std::optional<std::int64_t> number = nvml::whole_number(value);
  if (!number) return;
  if (metric_row(field.metric).kind != MetricKind::rate) {
    sample[field.metric] = missing_.note(field.metric, code, static_cast<double>(*number));
    return;
  }
  const Reading rate = field.rate.next(now_s, static_cast<std::uint64_t>(*number));
  sample[field.metric] = rate.ok() ? missing_.note(field.metric, code, rate.value) : rate;
}

}  // namespace wring
