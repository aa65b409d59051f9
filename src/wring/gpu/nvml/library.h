#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "wring/gpu/nvml/abi.h"
#include "wring/gpu/nvml/errors.h"

namespace wring::nvml {

// One pointer a function, null where this driver's library does not have it. nvml.h renames functions with
// macros (nvmlInit is nvmlInit_v2) and dlsym does not, so the versioned names are looked up.
struct Functions {
  Return (*init)() = nullptr;                           // nvmlInit_v2
  Return (*shutdown)() = nullptr;                       // nvmlShutdown
  const char* (*error_string)(Return) = nullptr;        // nvmlErrorString
  Return (*driver_version)(char*, unsigned) = nullptr;  // nvmlSystemGetDriverVersion

  // What a card is
  Return (*device_count)(unsigned*) = nullptr;                        // nvmlDeviceGetCount_v2
  Return (*device_by_index)(unsigned, Device*) = nullptr;             // nvmlDeviceGetHandleByIndex_v2
  Return (*device_by_uuid)(const char*, Device*) = nullptr;           // nvmlDeviceGetHandleByUUID
  Return (*device_uuid)(Device, char*, unsigned) = nullptr;           // nvmlDeviceGetUUID
  Return (*device_name)(Device, char*, unsigned) = nullptr;           // nvmlDeviceGetName
  Return (*device_pci_info)(Device, PciInfo*) = nullptr;              // nvmlDeviceGetPciInfo_v3
  Return (*device_compute_capability)(Device, int*, int*) = nullptr;  // nvmlDeviceGetCudaComputeCapability

  // Single values
  Return (*device_memory)(Device, Memory*) = nullptr;                   // nvmlDeviceGetMemoryInfo
  Return (*device_memory_v2)(Device, MemoryV2*) = nullptr;              // nvmlDeviceGetMemoryInfo_v2
  Return (*utilization)(Device, Utilization*) = nullptr;                // nvmlDeviceGetUtilizationRates
  Return (*power_mw)(Device, unsigned*) = nullptr;                      // nvmlDeviceGetPowerUsage
  Return (*power_limit_mw)(Device, unsigned*) = nullptr;                // nvmlDeviceGetEnforcedPowerLimit
  Return (*energy_mj)(Device, std::uint64_t*) = nullptr;                // nvmlDeviceGetTotalEnergyConsumption
  Return (*temperature_v)(Device, Temperature*) = nullptr;              // nvmlDeviceGetTemperatureV
  Return (*temperature)(Device, unsigned sensor, unsigned*) = nullptr;  // nvmlDeviceGetTemperature
  Return (*clock_mhz)(Device, unsigned type, unsigned*) = nullptr;      // nvmlDeviceGetClockInfo
  Return (*clocks_event_reasons)(Device, std::uint64_t*) = nullptr;     // nvmlDeviceGetCurrentClocksEventReasons,
                                                                        // before 535 …ThrottleReasons
  Return (*ecc_errors)(Device, unsigned kind, unsigned counter,
                       std::uint64_t*) = nullptr;                    // nvmlDeviceGetTotalEccErrors
  Return (*field_values)(Device, int count, FieldValue*) = nullptr;  // nvmlDeviceGetFieldValues

  // Processes: count in, count out; INSUFFICIENT_SIZE with the needed count where it is too small.
  using List = Return (*)(Device, unsigned*, void*);
  List compute_processes = nullptr;   // nvmlDeviceGetComputeRunningProcesses_v3, _v2 or without a version
  List graphics_processes = nullptr;  // nvmlDeviceGetGraphicsRunningProcesses…
  List mps_processes = nullptr;       // nvmlDeviceGetMPSComputeRunningProcesses…
  std::size_t process_record = 0;     // bytes of one record that these write
  Return (*process_utilization)(Device, ProcessUtilization*, unsigned*, std::uint64_t since_us) = nullptr;
  // nvmlDeviceGetProcessUtilization

  // MIG
  Return (*mig_mode)(Device, unsigned* current, unsigned* pending) = nullptr;  // nvmlDeviceGetMigMode
  Return (*mig_count)(Device, unsigned*) = nullptr;                            // nvmlDeviceGetMaxMigDeviceCount
  Return (*mig_by_index)(Device, unsigned, Device*) = nullptr;                 // nvmlDeviceGetMigDeviceHandleByIndex
  Return (*gpu_instance_id)(Device, unsigned*) = nullptr;                      // nvmlDeviceGetGpuInstanceId

  // GPM
  Return (*gpm_support)(Device, GpmSupport*) = nullptr;                          // nvmlGpmQueryDeviceSupport
  Return (*gpm_alloc)(GpmSample*) = nullptr;                                     // nvmlGpmSampleAlloc
  Return (*gpm_free)(GpmSample) = nullptr;                                       // nvmlGpmSampleFree
  Return (*gpm_sample)(Device, GpmSample) = nullptr;                             // nvmlGpmSampleGet
  Return (*gpm_mig_sample)(Device, unsigned gpu_instance, GpmSample) = nullptr;  // nvmlGpmMigSampleGet
  Return (*gpm_metrics)(GpmMetrics*) = nullptr;                                  // nvmlGpmMetricsGet

  // Events
  Return (*event_set_create)(EventSet*) = nullptr;                                // nvmlEventSetCreate
  Return (*event_set_free)(EventSet) = nullptr;                                   // nvmlEventSetFree
  Return (*register_events)(Device, std::uint64_t types, EventSet) = nullptr;     // nvmlDeviceRegisterEvents
  Return (*event_set_wait)(EventSet, EventData*, unsigned timeout_ms) = nullptr;  // nvmlEventSetWait_v2
};

// Calls a function of the table; FUNCTION_NOT_FOUND where the library does not have it.
template <typename... Parameters, typename... Arguments>
Return call(Return (*function)(Parameters...), Arguments... arguments) {
  return function != nullptr ? function(arguments...) : kFunctionNotFound;
}

// nvmlDeviceGetFieldValues of all of `values`, with a spare behind them: where the last one is NVLink's, driver 580
// goes one too far (docs/metrics.md), but passes over a value that has an error.
Return read_fields(const Functions& functions, Device device, std::vector<FieldValue>& values);

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
