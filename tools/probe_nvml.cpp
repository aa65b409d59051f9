// Asks this computer's driver the questions that docs/metrics.md answers: what each call costs, and how the driver
// takes what nvml.h leaves open. Prints text. Not installed.
#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include <dlfcn.h>
#include <fmt/format.h>

#include "wring/gpu/nvml/gpu.h"
#include "wring/gpu/nvml/library.h"

namespace {

using namespace wring;
using Clock = std::chrono::steady_clock;

// Median and largest of calls that are `apart`, after one that does not count: the driver answers from memory when it
// is asked again too soon.
void cost(const char* name, const std::function<int()>& call, int times = 8,
          std::chrono::milliseconds apart = std::chrono::milliseconds(150)) {
  const int code = call();
  std::vector<double> us;
  for (int i = 0; i < times; ++i) {
    std::this_thread::sleep_for(apart);
    const auto start = Clock::now();
    call();
    us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  std::sort(us.begin(), us.end());
  fmt::print("cost  {:42} code {:3}  median {:9.1f} us  p95 {:9.1f}  max {:9.1f}\n", name, code, us[us.size() / 2],
             us[us.size() * 95 / 100], us.back());
}

void field(const nvml::Functions& f, nvml::Device device, std::uint32_t id, std::uint32_t scope) {
  std::vector<nvml::FieldValue> values{{.field = id, .scope = scope}};
  const int code = nvml::read_fields(f, device, values);
  const nvml::FieldValue& value = values.front();
  fmt::print("field {:3} scope {:10} call {} result {:3} type {} value {} timestamp {} latency {}\n", id, scope, code,
             value.result, value.type, value.value.as_u64, value.timestamp_us, value.latency_us);
}

void costs(const nvml::Functions& f, nvml::Device d) {
  nvml::Utilization utilization{};
  nvml::MemoryV2 v2;
  unsigned u = 0;
  std::uint64_t u64 = 0;
  nvml::Temperature temperature;
  cost("utilization", [&] { return nvml::call(f.utilization, d, &utilization); });
  cost("memory v2", [&] { return nvml::call(f.device_memory_v2, d, &v2); });
  cost("power", [&] { return nvml::call(f.power_mw, d, &u); });
  cost("enforced power limit", [&] { return nvml::call(f.power_limit_mw, d, &u); });
  cost("energy", [&] { return nvml::call(f.energy_mj, d, &u64); });
  cost("temperature v", [&] { return nvml::call(f.temperature_v, d, &temperature); });
  cost("sm clock", [&] { return nvml::call(f.clock_mhz, d, nvml::kSmClockType, &u); });
  cost("memory clock", [&] { return nvml::call(f.clock_mhz, d, nvml::kMemoryClockType, &u); });
  cost("clocks event reasons", [&] { return nvml::call(f.clocks_event_reasons, d, &u64); });
  cost("ecc uncorrected",
       [&] { return nvml::call(f.ecc_errors, d, nvml::kUncorrectedErrors, nvml::kVolatileCounts, &u64); });
  for (const std::uint32_t id : {82U, 138U, 197U, 186U}) {
    cost(fmt::format("field {}", id).c_str(), [&, id] {
      std::vector<nvml::FieldValue> values{{.field = id, .scope = id == 138 ? nvml::kAllLinks : 0}};
      const int code = nvml::read_fields(f, d, values);
      return code != 0 ? code : values.front().result;
    });
  }
  cost("fields 82 197 198 138 139 at once", [&] {
    std::vector<nvml::FieldValue> values;
    for (const std::uint32_t id : {82U, 197U, 198U, 138U, 139U}) {
      values.push_back({.field = id, .scope = id == 138 || id == 139 ? nvml::kAllLinks : 0});
    }
    return nvml::read_fields(f, d, values);
  });
  std::vector<char> buffer(64 * 64);
  for (const auto& [name, list] :
       {std::pair("compute processes", f.compute_processes), std::pair("graphics processes", f.graphics_processes),
        std::pair("mps processes", f.mps_processes)}) {
    cost(name, [&, list = list] {
      unsigned count = 64;
      return nvml::call(list, d, &count, static_cast<void*>(buffer.data()));
    });
  }
  cost("process utilization", [&] {
    nvml::ProcessUtilization samples[256];
    unsigned count = 256;
    return nvml::call(f.process_utilization, d, samples, &count, std::uint64_t{0});
  });
  nvml::EventSet set = nullptr;
  if (nvml::call(f.event_set_create, &set) == 0) {
    fmt::print("register xid events: code {}\n", nvml::call(f.register_events, d, nvml::kEventXid, set));
    nvml::EventData event;
    cost("event set wait, 0 ms", [&] { return nvml::call(f.event_set_wait, set, &event, 0U); });
    nvml::call(f.event_set_free, set);
  }
}

void gpm(const nvml::Functions& f, nvml::Device d) {
  nvml::GpmSupport support;
  fmt::print("gpm support: code {} supported {}\n", nvml::call(f.gpm_support, d, &support), support.supported);
  nvml::GpmSample first = nullptr, second = nullptr;
  if (nvml::call(f.gpm_alloc, &first) != 0 || nvml::call(f.gpm_alloc, &second) != 0) return;
  cost("gpm sample", [&] { return nvml::call(f.gpm_sample, d, first); });
  for (const int ms : {5, 50, 90, 110, 250, 1000}) {
    nvml::call(f.gpm_sample, d, first);
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
    nvml::call(f.gpm_sample, d, second);
    nvml::GpmMetrics request;
    request.count = 3;
    request.first = first;
    request.second = second;
    request.metrics[0] = {.id = 2};
    request.metrics[1] = {.id = 5};
    request.metrics[2] = {.id = 10};
    const int code = nvml::call(f.gpm_metrics, &request);
    fmt::print("gpm {:3} ms apart: code {} sm {} ({:.3f} {}) tensor {} ({:.3f}) dram {} ({:.3f})\n", ms, code,
               request.metrics[0].result, request.metrics[0].value,
               request.metrics[0].unit != nullptr ? request.metrics[0].unit : "", request.metrics[1].result,
               request.metrics[1].value, request.metrics[2].result, request.metrics[2].value);
  }
  nvml::GpmMetrics request;
  const std::uint32_t ids[] = {2, 3, 5, 10, 11, 12, 13, 20, 21, 60, 61};
  cost("gpm metrics, 11 at once", [&] {
    request.count = std::size(ids);
    request.first = first;
    request.second = second;
    for (std::size_t i = 0; i < std::size(ids); ++i) request.metrics[i] = {.id = ids[i]};
    return nvml::call(f.gpm_metrics, &request);
  });
  for (std::size_t i = 0; i < std::size(ids); ++i) {
    const nvml::GpmMetric& m = request.metrics[i];
    fmt::print("gpm {:3} result {} value {:.4f} {} {}\n", m.id, m.result, m.value,
               m.short_name != nullptr ? m.short_name : "", m.unit != nullptr ? m.unit : "");
  }
  nvml::call(f.gpm_free, first);
  nvml::call(f.gpm_free, second);
}

}  // namespace

int main() {
  const auto start = Clock::now();
  const nvml::Library library;
  const auto opened = Clock::now();
  const nvml::Functions& f = library.functions();
  const NvmlGpu card = read_nvml_gpu(f, 0);
  fmt::print("driver {}  {}  init {:.1f} ms  process record {} B\n", read_driver_version(f), card.gpu.name,
             std::chrono::duration<double, std::milli>(opened - start).count(), f.process_record);
  if (card.device == nullptr) return 1;
  nvml::MemoryV2 bare;
  bare.version = 2;
  fmt::print("memory v2 with version 2: code {}; with 0x{:08x}: ", nvml::call(f.device_memory_v2, card.device, &bare),
             nvml::MemoryV2::kLayoutVersion);
  nvml::MemoryV2 memory;
  const int code = nvml::call(f.device_memory_v2, card.device, &memory);
  nvml::Memory old{};
  nvml::call(f.device_memory, card.device, &old);
  fmt::print("code {} used {} reserved {} total {}; v1 used {} MiB\n", code, memory.used >> 20, memory.reserved >> 20,
             memory.total >> 20, old.used >> 20);
  for (const std::uint32_t id :
       {82U, 83U, 185U, 186U, 197U, 198U, 199U, 200U, 251U, 252U, 253U, 269U, 270U, 271U, 74U}) {
    field(f, card.device, id, 0);
  }
  for (const std::uint32_t id : {138U, 139U}) field(f, card.device, id, nvml::kAllLinks);
  costs(f, card.device);
  gpm(f, card.device);
}
