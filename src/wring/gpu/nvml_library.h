#pragma once
#include <cstdint>
#include <string>

#include "wring/gpu/nvml_errors.h"

// The few parts of NVIDIA's management library that Wring uses, declared here so that neither its header nor
// its library is needed to build. Layouts and names follow nvml.h; they are ABI and never change for a given
// name.
namespace wring::nvml {

using Return = int;  // 0: success; nvml_errors.h explains the others
struct DeviceObject;
using Device = DeviceObject*;

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
  // The size with the version in the top byte. A bare 2 is refused, and callers that send it fall back to the
  // first layout without noticing.
  static constexpr std::uint32_t layout_version = 0x02000028;
  std::uint32_t version = layout_version;
  std::uint64_t total = 0, reserved = 0, free = 0, used = 0;
};
static_assert(sizeof(MemoryV2) == 40);

// One pointer a function, null where this driver's library does not have it. nvml.h renames functions with
// macros (nvmlInit is nvmlInit_v2) and dlsym does not, so the versioned names are looked up.
struct Functions {
  Return (*init)() = nullptr;                                         // nvmlInit_v2
  Return (*shutdown)() = nullptr;                                     // nvmlShutdown
  const char* (*error_string)(Return) = nullptr;                      // nvmlErrorString
  Return (*driver_version)(char*, unsigned) = nullptr;                // nvmlSystemGetDriverVersion
  Return (*device_count)(unsigned*) = nullptr;                        // nvmlDeviceGetCount_v2
  Return (*device_by_index)(unsigned, Device*) = nullptr;             // nvmlDeviceGetHandleByIndex_v2
  Return (*device_uuid)(Device, char*, unsigned) = nullptr;           // nvmlDeviceGetUUID
  Return (*device_name)(Device, char*, unsigned) = nullptr;           // nvmlDeviceGetName
  Return (*device_pci_info)(Device, PciInfo*) = nullptr;              // nvmlDeviceGetPciInfo_v3
  Return (*device_memory)(Device, Memory*) = nullptr;                 // nvmlDeviceGetMemoryInfo
  Return (*device_memory_v2)(Device, MemoryV2*) = nullptr;            // nvmlDeviceGetMemoryInfo_v2
  Return (*device_compute_capability)(Device, int*, int*) = nullptr;  // nvmlDeviceGetCudaComputeCapability
};

// Calls a function of the table; FUNCTION_NOT_FOUND where the library does not have it.
template <typename... Parameters, typename... Arguments>
Return call(Return (*function)(Parameters...), Arguments... arguments) {
  return function != nullptr ? function(arguments...) : function_not_found;
}

// The library, opened and initialised; shut down and closed with the object.
class Library {
 public:
  // Opens libnvidia-ml.so.1, or what WRING_NVML_LIBRARY names. Never throws: status() and failure() tell.
  Library();
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  Return status() const { return status_; }                // 0: ready; 12: not found; else what nvmlInit_v2 returned
  const std::string& failure() const { return failure_; }  // the loader's words when the library was not opened
  const Functions& functions() const { return functions_; }

  // The library's own words for a code, "" when it has none.
  std::string describe(Return code) const;

 private:
  void* handle_ = nullptr;
  Functions functions_;
  Return status_ = 0;
  std::string failure_;
};

}  // namespace wring::nvml
