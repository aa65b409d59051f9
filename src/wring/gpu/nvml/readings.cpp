#include "wring/gpu/nvml/readings.h"

#include <limits>

#include "wring/gpu/nvml/errors.h"

namespace wring {
namespace {

constexpr double kBytesPerMib = 1024.0 * 1024.0;
constexpr double kMilli = 1000;
constexpr std::uint64_t kEveryBit = std::numeric_limits<std::uint64_t>::max();  // no reason: the driver does not know

double mib(std::uint64_t bytes) {
  return static_cast<double>(bytes) / kBytesPerMib;
}

}  // namespace

Reading MissingMetrics::note(Metric metric, int code, double value) {
  if (code == nvml::kSuccess) {
    return is_possible(metric, value) ? Reading::of(value) : Reading::failed(Reading::kRejected);
  }
  if (!nvml::is_permanent(code)) return Reading::failed(code);
  missing_.set(static_cast<std::size_t>(metric));
  return {};
}

template <typename Call>
void NvmlReadings::ask(Metric metric, GpuSample& sample, Call call) {
  if (missing_.contains(metric)) return;
  double value = 0;
  const int code = call(value);
  sample[metric] = missing_.note(metric, code, value);
}

void NvmlReadings::read(nvml::Device device, double now_s, GpuSample& sample) {
  read_utilization(device, sample);
  read_memory(device, sample);
  ask(Metric::power, sample, [&](double& value) {
    unsigned milliwatts = 0;
    const int code = nvml::call(functions_.power_mw, device, &milliwatts);
    value = milliwatts / kMilli;
    return code;
  });
  if (!missing_.contains(Metric::energy)) {
    sample[Metric::energy] = energy_.next(now_s, sample[Metric::power], [&] {
      std::uint64_t millijoules = 0;
      const int code = nvml::call(functions_.energy_mj, device, &millijoules);
      return missing_.note(Metric::energy, code, static_cast<double>(millijoules) / kMilli);
    });
  }
  ask(Metric::temperature, sample, [&](double& value) { return temperature(device, value); });
  for (const auto& [metric, type] :
       {std::pair(Metric::sm_clock, nvml::kSmClockType), std::pair(Metric::memory_clock, nvml::kMemoryClockType)}) {
    ask(metric, sample, [&, type = type](double& value) {
      unsigned megahertz = 0;
      const int code = nvml::call(functions_.clock_mhz, device, type, &megahertz);
      value = megahertz;
      return code;
    });
  }
  read_throttle_reasons(device, sample);
  read_rarely_changing(device, now_s, sample);
  reject_contradictions(sample.values);
}

// Both shares come from one call.
void NvmlReadings::read_utilization(nvml::Device device, GpuSample& sample) {
  if (missing_.contains(Metric::gpu_util)) return;
  nvml::Utilization utilization{};
  const int code = nvml::call(functions_.utilization, device, &utilization);
  sample[Metric::gpu_util] = missing_.note(Metric::gpu_util, code, utilization.gpu);
  sample[Metric::memory_util] = missing_.note(Metric::memory_util, code, utilization.memory);
}

// The second layout tells used from reserved; the first counts what the driver reserves as used.
void NvmlReadings::read_memory(nvml::Device device, GpuSample& sample) {
  if (missing_.contains(Metric::memory_used)) return;
  if (!no_memory_v2_) {
    nvml::MemoryV2 memory;
    const int code = nvml::call(functions_.device_memory_v2, device, &memory);
    no_memory_v2_ = nvml::is_permanent(code);
    if (!no_memory_v2_) {
      sample[Metric::memory_used] = missing_.note(Metric::memory_used, code, mib(memory.used));
      sample[Metric::memory_reserved] = missing_.note(Metric::memory_reserved, code, mib(memory.reserved));
      sample[Metric::memory_total] = missing_.note(Metric::memory_total, code, mib(memory.total));
      return;
    }
  }
  nvml::Memory memory{};
  const int code = nvml::call(functions_.device_memory, device, &memory);
  sample[Metric::memory_used] = missing_.note(Metric::memory_used, code, mib(memory.used));
  sample[Metric::memory_total] = missing_.note(Metric::memory_total, code, mib(memory.total));
}

// The older function is deprecated and will vanish; drivers before 13.0 do not have the newer.
int NvmlReadings::temperature(nvml::Device device, double& celsius) const {
  nvml::Temperature temperature;
  const int code = nvml::call(functions_.temperature_v, device, &temperature);
  celsius = temperature.celsius;
  if (!nvml::is_permanent(code)) return code;
  unsigned old = 0;
  const int old_code = nvml::call(functions_.temperature, device, nvml::kGpuSensor, &old);
  celsius = old;
  return old_code;
}

void NvmlReadings::read_throttle_reasons(nvml::Device device, GpuSample& sample) {
  if (no_throttle_reasons_) return;
  std::uint64_t reasons = 0;
  const int code = nvml::call(functions_.clocks_event_reasons, device, &reasons);
  if (code == nvml::kSuccess && reasons != kEveryBit) sample.throttle_reasons = reasons;
  no_throttle_reasons_ = nvml::is_permanent(code);
}

void NvmlReadings::read_rarely_changing(nvml::Device device, double now_s, GpuSample& sample) {
  if (rarely_changing_pace_.due(now_s)) {
    ask(Metric::power_limit, rarely_changing_, [&](double& value) {
      unsigned milliwatts = 0;
      const int code = nvml::call(functions_.power_limit_mw, device, &milliwatts);
      value = milliwatts / kMilli;
      return code;
    });
    ask(Metric::ecc_uncorrected, rarely_changing_, [&](double& value) {
      std::uint64_t errors = 0;
      const int code =
          nvml::call(functions_.ecc_errors, device, nvml::kUncorrectedErrors, nvml::kVolatileCounts, &errors);
      value = static_cast<double>(errors);
      return code;
    });
  }
  for (const Metric metric : {Metric::power_limit, Metric::ecc_uncorrected}) sample[metric] = rarely_changing_[metric];
}

}  // namespace wring
