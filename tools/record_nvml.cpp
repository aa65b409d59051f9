// Records what NVML answers about the first card, as a machine that the tests' stand-in for NVML plays back
// (tests/fixtures/fake_nvml). Not installed.
//
//     record_nvml SECONDS INTERVAL_MS > tests/fixtures/machines/NAME.txt
//
// The UUID and the pids are replaced: a recording goes into a repository. A tick holds only what changed.
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "wring/gpu/nvml/gpu.h"
#include "wring/gpu/nvml/library.h"

namespace {

using namespace wring;

constexpr std::uint32_t kFieldIds[] = {nvml::field_memory_temperature, nvml::field_nvlink_data_tx,
                                       nvml::field_nvlink_data_rx, nvml::field_pcie_tx_bytes,
                                       nvml::field_pcie_rx_bytes};
constexpr std::uint32_t kGpmIds[] = {2, 3, 5, 10, 11, 12, 13, 20, 21, 60, 61};

// One moment as lines of the file, by name.
using Lines = std::map<std::string, std::string>;

class Recorder {
 public:
  Recorder(const nvml::Functions& functions, nvml::Device device) : f_(functions), device_(device) {
    has_gpm_ = nvml::call(f_.gpm_alloc, &before_) == 0 && nvml::call(f_.gpm_alloc, &now_) == 0 &&
               nvml::call(f_.gpm_sample, device_, before_) == 0;
  }
  ~Recorder() {
    if (before_ != nullptr) nvml::call(f_.gpm_free, before_);
    if (now_ != nullptr) nvml::call(f_.gpm_free, now_);
  }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  Lines moment() {
    Lines lines;
    values(lines);
    fields(lines);
    gpm(lines);
    processes(lines);
    return lines;
  }

 private:
  void put(Lines& lines, const std::string& name, const char* function, int code, const std::string& value) {
    lines[code == 0 ? name : std::string("error ") + function] = code == 0 ? value : std::to_string(code);
  }

  template <typename Number, typename Function>
  void number(Lines& lines, const std::string& name, const char* function_name, Function* function) {
    Number value{};
    const int code = nvml::call(function, device_, &value);
    put(lines, name, function_name, code, std::to_string(value));
  }

  void values(Lines& lines) {
    nvml::Utilization utilization{};
    int code = nvml::call(f_.utilization, device_, &utilization);
    put(lines, "gpu_util", "nvmlDeviceGetUtilizationRates", code, std::to_string(utilization.gpu));
    if (code == 0) lines["memory_util"] = std::to_string(utilization.memory);
    nvml::MemoryV2 memory;
    code = nvml::call(f_.device_memory_v2, device_, &memory);
    put(lines, "memory_used_mib", "nvmlDeviceGetMemoryInfo_v2", code, std::to_string(memory.used >> 20));
    if (code == 0) lines["memory_reserved_mib"] = std::to_string(memory.reserved >> 20);
    if (code == 0) lines["memory_total_mib"] = std::to_string(memory.total >> 20);
    number<unsigned>(lines, "power_mw", "nvmlDeviceGetPowerUsage", f_.power_mw);
    number<unsigned>(lines, "power_limit_mw", "nvmlDeviceGetEnforcedPowerLimit", f_.power_limit_mw);
    number<std::uint64_t>(lines, "energy_mj", "nvmlDeviceGetTotalEnergyConsumption", f_.energy_mj);
    number<std::uint64_t>(lines, "throttle", "nvmlDeviceGetCurrentClocksEventReasons", f_.clocks_event_reasons);
    unsigned value = 0;
    code = nvml::call(f_.temperature, device_, nvml::kGpuSensor, &value);
    put(lines, "temperature", "nvmlDeviceGetTemperature", code, std::to_string(value));
    code = nvml::call(f_.clock_mhz, device_, nvml::kSmClockType, &value);
    put(lines, "sm_clock", "nvmlDeviceGetClockInfo", code, std::to_string(value));
    code = nvml::call(f_.clock_mhz, device_, nvml::kMemoryClockType, &value);
    put(lines, "memory_clock", "nvmlDeviceGetClockInfo", code, std::to_string(value));
    std::uint64_t errors = 0;
    code = nvml::call(f_.ecc_errors, device_, nvml::kUncorrectedErrors, nvml::kVolatileCounts, &errors);
    put(lines, "ecc_uncorrected", "nvmlDeviceGetTotalEccErrors", code, std::to_string(errors));
  }

  void fields(Lines& lines) {
    std::vector<nvml::FieldValue> values(std::size(kFieldIds));
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i].field = kFieldIds[i];
      if (kFieldIds[i] == nvml::field_nvlink_data_tx || kFieldIds[i] == nvml::field_nvlink_data_rx) {
        values[i].scope = nvml::kAllLinks;
      }
    }
    const int code = nvml::read_fields(f_, device_, values);
    for (const nvml::FieldValue& value : values) {
      const int result = code != 0 ? code : value.result;
      lines[fmt::format("field_{}", value.field)] =
          result != 0 ? fmt::format("error {}", result) : fmt::format("{} {}", value.type, value.value.as_u64);
    }
  }

  void gpm(Lines& lines) {
    if (!has_gpm_ || nvml::call(f_.gpm_sample, device_, now_) != 0) return;
    request_.count = std::size(kGpmIds);
    request_.first = before_;
    request_.second = now_;
    for (std::size_t i = 0; i < std::size(kGpmIds); ++i) request_.metrics[i] = {.id = kGpmIds[i]};
    if (nvml::call(f_.gpm_metrics, &request_) == 0) {
      for (std::size_t i = 0; i < std::size(kGpmIds); ++i) {
        const nvml::GpmMetric& metric = request_.metrics[i];
        lines[fmt::format("gpm_{}", metric.id)] =
            metric.result != 0 ? fmt::format("error {}", metric.result) : fmt::format("{:.4g}", metric.value);
      }
    }
    std::swap(before_, now_);
  }

  void processes(Lines& lines) {
    std::array<nvml::ProcessInfo, 64> list{};
    unsigned count = list.size();
    const int code = nvml::call(f_.compute_processes, device_, &count, static_cast<void*>(list.data()));
    put(lines, "processes", "nvmlDeviceGetComputeRunningProcesses_v3", code, "");
    for (unsigned i = 0; code == 0 && i < count; ++i) {
      const auto pid = pids_.try_emplace(list[i].pid, 1001 + pids_.size()).first->second;
      lines["processes"] += fmt::format("{}{}:{}", i == 0 ? "" : " ", pid, list[i].used_bytes >> 20);
    }
  }

  const nvml::Functions& f_;
  nvml::Device device_;
  bool has_gpm_ = false;
  nvml::GpmSample before_ = nullptr, now_ = nullptr;
  nvml::GpmMetrics request_;
  std::map<std::uint32_t, std::size_t> pids_;
};

int record(double seconds, std::chrono::milliseconds interval) {
  const nvml::Library library;
  const NvmlGpu card = read_nvml_gpu(library.functions(), 0);
  if (card.device == nullptr) {
    fmt::print(stderr, "record_nvml: no card (code {})\n", card.gpu.problem ? card.gpu.problem->code : -1);
    return 1;
  }
  fmt::print(
      "# Recorded by tools/record_nvml.\ndriver {}\ncard\nname {}\nuuid GPU-recorded-0000-4000-8000-000000000001\n"
      "bus_id {}\ncompute_capability {}.{}\n",
      read_driver_version(library.functions()), card.gpu.name, card.gpu.pci_bus_id,
      card.gpu.compute_capability_major.value_or(0), card.gpu.compute_capability_minor.value_or(0));
  Recorder recorder(library.functions(), card.device);
  Lines before;
  const auto start = std::chrono::steady_clock::now();
  const int ticks = static_cast<int>(std::lround(seconds * 1000 / static_cast<double>(interval.count())));
  for (int tick = 0; tick < ticks; ++tick) {
    std::this_thread::sleep_until(start + (tick + 1) * interval);
    const Lines now = recorder.moment();
    fmt::print("tick {}\n", tick * interval.count());
    for (const auto& [name, value] : now) {
      const auto old = before.find(name);
      if (old == before.end() || old->second != value) fmt::print("{} {}\n", name, value);
    }
    for (const auto& [name, value] : before) {
      if (name.starts_with("error ") && !now.contains(name)) fmt::print("{} 0\n", name);
    }
    before = now;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc == 3 ? std::atof(argv[1]) : 0;
  const long interval_ms = argc == 3 ? std::atol(argv[2]) : 0;
  if (seconds <= 0 || interval_ms < 100) {
    fmt::print(stderr, "usage: record_nvml SECONDS INTERVAL_MS (100 or more)\n");
    return 2;
  }
  return record(seconds, std::chrono::milliseconds(interval_ms));
}
