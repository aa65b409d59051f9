#include "wring/gpu/nvml/library.h"

#include <initializer_list>
#include <vector>

#include <dlfcn.h>

#include "wring/base/environment.h"
#include "wring/gpu/nvml/errors.h"

namespace wring::nvml {
namespace {

// The bare libnvidia-ml.so can be the CUDA toolkit's stub, so it is never asked for. Under WSL the library
// lies in a folder that the loader may not know.
std::vector<std::string> library_names() {
  const std::string_view replacement = environment("WRING_NVML_LIBRARY").value_or("");
  if (!replacement.empty()) return {std::string(replacement)};
  return {"libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1"};
}

template <typename Function>
void look_up(void* library, const char* name, Function*& into) {
  into = reinterpret_cast<Function*>(::dlsym(library, name));
}

// The first of several names that the library has.
template <typename Function>
void look_up_first(void* library, std::initializer_list<const char*> names, Function*& into) {
  for (const char* name : names) {
    look_up(library, name, into);
    if (into != nullptr) return;
  }
}

void look_up_card(void* library, Functions& f) {
  look_up(library, "nvmlDeviceGetCount_v2", f.device_count);
  look_up(library, "nvmlDeviceGetHandleByIndex_v2", f.device_by_index);
  look_up(library, "nvmlDeviceGetHandleByUUID", f.device_by_uuid);
  look_up(library, "nvmlDeviceGetUUID", f.device_uuid);
  look_up(library, "nvmlDeviceGetName", f.device_name);
  look_up(library, "nvmlDeviceGetPciInfo_v3", f.device_pci_info);
  look_up(library, "nvmlDeviceGetCudaComputeCapability", f.device_compute_capability);
  look_up(library, "nvmlDeviceGetMigMode", f.mig_mode);
  look_up(library, "nvmlDeviceGetMaxMigDeviceCount", f.mig_count);
  look_up(library, "nvmlDeviceGetMigDeviceHandleByIndex", f.mig_by_index);
  look_up(library, "nvmlDeviceGetGpuInstanceId", f.gpu_instance_id);
}

void look_up_values(void* library, Functions& f) {
  look_up(library, "nvmlDeviceGetMemoryInfo", f.device_memory);
  look_up(library, "nvmlDeviceGetMemoryInfo_v2", f.device_memory_v2);
  look_up(library, "nvmlDeviceGetUtilizationRates", f.utilization);
  look_up(library, "nvmlDeviceGetPowerUsage", f.power_mw);
  look_up(library, "nvmlDeviceGetEnforcedPowerLimit", f.power_limit_mw);
  look_up(library, "nvmlDeviceGetTotalEnergyConsumption", f.energy_mj);
  look_up(library, "nvmlDeviceGetTemperatureV", f.temperature_v);
  look_up(library, "nvmlDeviceGetTemperature", f.temperature);
  look_up(library, "nvmlDeviceGetClockInfo", f.clock_mhz);
  look_up_first(library, {"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"},
                f.clocks_event_reasons);
  look_up(library, "nvmlDeviceGetTotalEccErrors", f.ecc_errors);
  look_up(library, "nvmlDeviceGetFieldValues", f.field_values);
}

// All three lists in the newest version that the library has for all of them, so that one record size serves.
void look_up_processes(void* library, Functions& f) {
  for (const std::string version : {"_v3", "_v2", ""}) {
    look_up(library, ("nvmlDeviceGetComputeRunningProcesses" + version).c_str(), f.compute_processes);
    look_up(library, ("nvmlDeviceGetGraphicsRunningProcesses" + version).c_str(), f.graphics_processes);
    look_up(library, ("nvmlDeviceGetMPSComputeRunningProcesses" + version).c_str(), f.mps_processes);
    if (f.compute_processes == nullptr) continue;
    f.process_record = version.empty() ? sizeof(ProcessInfoV1) : sizeof(ProcessInfo);
    // The drivers 535.43 to 535.86 wrote the wide record into the narrow one's array. They are the only ones that have
    // the first of these two functions without the second.
    void (*confidential)() = nullptr;
    void (*detail_list)() = nullptr;
    look_up(library, "nvmlDeviceGetConfComputeMemSizeInfo", confidential);
    look_up(library, "nvmlDeviceGetRunningProcessDetailList", detail_list);
    if (version == "_v3" && confidential != nullptr && detail_list == nullptr)
      f.process_record = sizeof(WideProcessInfo);
    break;
  }
  look_up(library, "nvmlDeviceGetProcessUtilization", f.process_utilization);
}

void look_up_gpm(void* library, Functions& f) {
  look_up(library, "nvmlGpmQueryDeviceSupport", f.gpm_support);
  look_up(library, "nvmlGpmSampleAlloc", f.gpm_alloc);
  look_up(library, "nvmlGpmSampleFree", f.gpm_free);
  look_up(library, "nvmlGpmSampleGet", f.gpm_sample);
  look_up(library, "nvmlGpmMigSampleGet", f.gpm_mig_sample);
  look_up(library, "nvmlGpmMetricsGet", f.gpm_metrics);
}

void look_up_events(void* library, Functions& f) {
  look_up(library, "nvmlEventSetCreate", f.event_set_create);
  look_up(library, "nvmlEventSetFree", f.event_set_free);
  look_up(library, "nvmlDeviceRegisterEvents", f.register_events);
  look_up(library, "nvmlEventSetWait_v2", f.event_set_wait);
}

Functions look_up_all(void* library) {
  Functions f;
  look_up(library, "nvmlInit_v2", f.init);
  look_up(library, "nvmlShutdown", f.shutdown);
  look_up(library, "nvmlErrorString", f.error_string);
  look_up(library, "nvmlSystemGetDriverVersion", f.driver_version);
  look_up_card(library, f);
  look_up_values(library, f);
  look_up_processes(library, f);
  look_up_gpm(library, f);
  look_up_events(library, f);
  return f;
}

}  // namespace

Return read_fields(const Functions& functions, Device device, std::vector<FieldValue>& values) {
  const auto count = static_cast<int>(values.size());
  FieldValue spare;
  spare.result = kInvalidArgument;
  values.push_back(spare);
  const Return code = call(functions.field_values, device, count, values.data());
  values.pop_back();
  return code;
}

Library::Library() {
  for (const std::string& name : library_names()) {
    handle_ = ::dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL);
    if (handle_ != nullptr) break;
    if (failure_.empty()) failure_ = ::dlerror();
  }
  if (handle_ == nullptr) {
    status_ = kLibraryNotFound;
    return;
  }
  failure_.clear();
  functions_ = look_up_all(handle_);
  status_ = call(functions_.init);
}

Library::~Library() {
  if (handle_ == nullptr) return;
  if (status_ == 0) call(functions_.shutdown);
  ::dlclose(handle_);
}

std::string Library::describe(Return code) const {
  const char* words = functions_.error_string != nullptr ? functions_.error_string(code) : nullptr;
  return words != nullptr ? words : "";
}

}  // namespace wring::nvml
