#include "wring/gpu/nvml/pcie.h"

#include <chrono>
#include <thread>

#include "wring/gpu/nvml/counter_rate.h"
#include "wring/gpu/nvml/errors.h"

namespace wring {
namespace {

constexpr std::chrono::milliseconds kWindow(10);
constexpr double kMibPerByte = 1.0 / (1024 * 1024);
constexpr double kMostMibS = 128.0 * 1024;      // sixteen lanes of the sixth generation
constexpr double kLongestS = 4096 / kMostMibS;  // in which 32 bits cannot come round; the system may wake us too late

// The driver stamps each value, which is nearer to the truth than our clock around the call.
double elapsed(const nvml::FieldValue& before, const nvml::FieldValue& now, double by_our_clock_s) {
  const std::int64_t us = now.timestamp_us - before.timestamp_us;
  const bool stamped = before.timestamp_us > 0 && us > 0 && us < 1'000'000;
  return stamped ? static_cast<double>(us) * 1e-6 : by_our_clock_s;
}

}  // namespace

void NvmlPcie::read(nvml::Device device, GpuSample& sample, double (*clock)()) {
  if (missing_.contains(Metric::pcie_tx) && missing_.contains(Metric::pcie_rx)) return;
  Counts before, now;
  int code = count(device, before, clock);
  // A driver that does not count is not waited for.
  if (code == nvml::kSuccess && (before.transmitted.result == 0 || before.received.result == 0)) {
    std::this_thread::sleep_for(kWindow);
    code = count(device, now, clock);
  } else {
    now = before;
  }
  const double clock_s = now.time_s - before.time_s;
  store(Metric::pcie_tx, code, before.transmitted, now.transmitted, clock_s, sample);
  store(Metric::pcie_rx, code, before.received, now.received, clock_s, sample);
}

int NvmlPcie::count(nvml::Device device, Counts& counts, double (*clock)()) const {
  nvml::FieldValue values[2];
  values[0].field = nvml::field_pcie_tx_bytes;
  values[1].field = nvml::field_pcie_rx_bytes;
  const int code = nvml::call(functions_.field_values, device, 2, values);
  counts = {clock(), values[0], values[1]};
  return code;
}

void NvmlPcie::store(Metric metric, int code, const nvml::FieldValue& before, const nvml::FieldValue& now,
                     double clock_s, GpuSample& sample) {
  if (code == nvml::kSuccess) code = now.result;
  if (code == nvml::kInvalidArgument) code = nvml::kNotSupported;  // drivers older than the counters
  const auto first = nvml::whole_number(before);
  const auto second = nvml::whole_number(now);
  if (code != nvml::kSuccess || !first || !second) {
    sample[metric] = missing_.note(metric, code != nvml::kSuccess ? code : nvml::kNotSupported, 0);
    return;
  }
  const double elapsed_s = elapsed(before, now, clock_s);
  if (elapsed_s > kLongestS) {
    sample[metric] = Reading::failed(Reading::kNoData);
    return;
  }
  CounterRate rate(kMibPerByte, kMostMibS);
  rate.next(0, static_cast<std::uint64_t>(*first));
  const Reading reading = rate.next(elapsed_s, static_cast<std::uint64_t>(*second));
  sample[metric] = reading.ok() ? missing_.note(metric, code, reading.value) : reading;
}

}  // namespace wring
