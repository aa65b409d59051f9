#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

// The layouts and numbers of nvml.h that Wring uses, declared here so that neither NVIDIA's header nor its library is
// needed to build. They are ABI and never change for a given name. A versioned structure carries its size with the
// version in the top byte; a bare version number is refused.
namespace wring::nvml {

using Return = int;  // 0: success; nvml_errors.h explains the others
struct DeviceObject;
using Device = DeviceObject*;

constexpr std::uint32_t layout(std::size_t size, std::uint32_t version) {
  return static_cast<std::uint32_t>(size) | version << 24;
}

struct PciInfo {
  char bus_id_legacy[16];
  std::uint32_t domain, bus, device, pci_device_id, pci_subsystem_id;
  char bus_id[32];
};
static_assert(sizeof(PciInfo) == 68);

// Bytes. `used` includes what the driver reserves for itself.
struct Memory {
  std::uint64_t total, free, used;
};
static_assert(sizeof(Memory) == 24);

// Bytes. `used` does not include `reserved`.
struct MemoryV2 {
  // Callers that send a bare 2 are refused, and fall back to the first layout without noticing.
  static constexpr std::uint32_t kLayoutVersion = layout(40, 2);
  std::uint32_t version = kLayoutVersion;
  std::uint64_t total = 0, reserved = 0, free = 0, used = 0;
};
static_assert(sizeof(MemoryV2) == 40);

// Per cent of the last sixth of a second to a second.
struct Utilization {
  std::uint32_t gpu, memory;
};

inline constexpr unsigned kSmClockType = 1;
inline constexpr unsigned kMemoryClockType = 2;
inline constexpr unsigned kGpuSensor = 0;
inline constexpr unsigned kUncorrectedErrors = 1;
inline constexpr unsigned kVolatileCounts = 0;  // since the driver was loaded; 1: over the card's life

struct Temperature {
  std::uint32_t version = layout(12, 1);
  std::uint32_t sensor = kGpuSensor;
  std::int32_t celsius = 0;
};
static_assert(sizeof(Temperature) == 12);

// Numbers of nvmlDeviceGetFieldValues. Those below 199 mean the same in every driver. Some from 199 on were renumbered
// between 12.8 and 13.1 (the throttle-time counters 251 to 253 became 269 to 271), so none of them is used.
enum FieldId : std::uint32_t {
  field_memory_temperature = 82,
  field_nvlink_data_tx = 138,  // KiB, scope: link, or all of them
  field_nvlink_data_rx = 139,
  field_pcie_tx_bytes = 197,  // since 12.5; 32 bits wide
  field_pcie_rx_bytes = 198,
};
inline constexpr std::uint32_t kAllLinks = 0xFFFFFFFF;

enum ValueType : std::uint32_t { type_double, type_u32, type_ulong, type_u64, type_i64, type_i32, type_u16 };

union Value {
  double as_double;
  std::uint32_t as_u32;
  std::uint64_t as_u64;
  std::int64_t as_i64;
  std::int32_t as_i32;
  std::uint16_t as_u16;
};

struct FieldValue {
  std::uint32_t field = 0;
  std::uint32_t scope = 0;
  std::int64_t timestamp_us = 0;
  std::int64_t latency_us = 0;
  std::uint32_t type = 0;
  Return result = 0;  // of this field alone
  Value value{};
};
static_assert(sizeof(FieldValue) == 40);

// The value as a whole number, whatever type the driver chose; nullopt for a type that it invented.
inline std::optional<std::int64_t> whole_number(const FieldValue& field) {
  switch (field.type) {
    case type_u32:
      return field.value.as_u32;
    case type_ulong:
    case type_u64:
    case type_i64:
      return field.value.as_i64;
    case type_i32:
      return field.value.as_i32;
    case type_u16:
      return field.value.as_u16;
    default:
      return std::nullopt;
  }
}

// What nvmlDevice*RunningProcesses without a version write.
struct ProcessInfoV1 {
  std::uint32_t pid;
  std::uint64_t used_bytes;
};
static_assert(sizeof(ProcessInfoV1) == 16);

// What _v2 and _v3 write. `used_bytes` is all ones where it is not known.
struct ProcessInfo {
  std::uint32_t pid;
  std::uint64_t used_bytes;
  std::uint32_t gpu_instance, compute_instance;
};
static_assert(sizeof(ProcessInfo) == 24);

// What _v3 of the drivers 535.43 to 535.86 writes instead.
struct WideProcessInfo {
  ProcessInfo info;
  std::uint64_t protected_bytes;
};
static_assert(sizeof(WideProcessInfo) == 32);

struct ProcessUtilization {
  std::uint32_t pid;
  std::uint64_t timestamp_us;
  std::uint32_t sm, memory, encoder, decoder;
};
static_assert(sizeof(ProcessUtilization) == 32);

struct EventSetObject;
using EventSet = EventSetObject*;
inline constexpr std::uint64_t kEventXid = 0x8;

struct EventData {
  Device device = nullptr;
  std::uint64_t type = 0;
  std::uint64_t data = 0;  // the Xid
  std::uint32_t gpu_instance = 0, compute_instance = 0;
};
static_assert(sizeof(EventData) == 32);

// GPM: counters that Hopper and later keep all the time; a metric is the difference of two samples.
struct GpmSampleObject;
using GpmSample = GpmSampleObject*;

enum GpmId : std::uint32_t {
  gpm_sm_activity = 2,
  gpm_sm_occupancy = 3,
  gpm_tensor_activity = 5,
  gpm_dram_activity = 10,
  gpm_fp64_activity = 11,
  gpm_fp32_activity = 12,
  gpm_fp16_activity = 13,
  gpm_pcie_tx = 20,  // MiB/s; transmitted first here,
  gpm_pcie_rx = 21,
  gpm_nvlink_rx = 60,  // received first there
  gpm_nvlink_tx = 61,
};

struct GpmMetric {
  std::uint32_t id = 0;
  Return result = 0;
  double value = 0;
  const char *short_name = nullptr, *long_name = nullptr, *unit = nullptr;
};
static_assert(sizeof(GpmMetric) == 40);

// The array grew from 98 over 210 to 333 entries while the version stayed 1, so it has the largest size here.
struct GpmMetrics {
  std::uint32_t version = 1;
  std::uint32_t count = 0;
  GpmSample first = nullptr, second = nullptr;
  std::array<GpmMetric, 333> metrics;
};
static_assert(sizeof(GpmMetrics) == 13344);

struct GpmSupport {
  std::uint32_t version = 1;
  std::uint32_t supported = 0;
};

}  // namespace wring::nvml
