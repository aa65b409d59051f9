#include "wring/gpu/nvml_library.h"

#include <cstdlib>
#include <vector>

#include <dlfcn.h>

#include "wring/gpu/nvml_errors.h"

namespace wring::nvml {
namespace {

// The bare libnvidia-ml.so can be the CUDA toolkit's stub, so it is never asked for. Under WSL the library
// lies in a folder that the loader may not know.
std::vector<std::string> library_names() {
  const char* replacement = std::getenv("WRING_NVML_LIBRARY");
  if (replacement != nullptr && *replacement != '\0') return {replacement};
  return {"libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1"};
}

template <typename Function>
void look_up(void* library, const char* name, Function*& into) {
  into = reinterpret_cast<Function*>(::dlsym(library, name));
}

Functions look_up_all(void* library) {
  Functions f;
  look_up(library, "nvmlInit_v2", f.init);
  look_up(library, "nvmlShutdown", f.shutdown);
  look_up(library, "nvmlErrorString", f.error_string);
  look_up(library, "nvmlSystemGetDriverVersion", f.driver_version);
  look_up(library, "nvmlDeviceGetCount_v2", f.device_count);
  look_up(library, "nvmlDeviceGetHandleByIndex_v2", f.device_by_index);
  look_up(library, "nvmlDeviceGetUUID", f.device_uuid);
  look_up(library, "nvmlDeviceGetName", f.device_name);
  look_up(library, "nvmlDeviceGetPciInfo_v3", f.device_pci_info);
  look_up(library, "nvmlDeviceGetMemoryInfo", f.device_memory);
  look_up(library, "nvmlDeviceGetMemoryInfo_v2", f.device_memory_v2);
  look_up(library, "nvmlDeviceGetCudaComputeCapability", f.device_compute_capability);
  return f;
}

}  // namespace

Library::Library() {
  for (const std::string& name : library_names()) {
    handle_ = ::dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL);
    if (handle_ != nullptr) break;
    if (failure_.empty()) failure_ = ::dlerror();
  }
  if (handle_ == nullptr) {
    status_ = library_not_found;
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
