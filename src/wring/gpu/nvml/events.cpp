#include "wring/gpu/nvml/events.h"

#include "wring/gpu/nvml/errors.h"

namespace wring {

NvmlEvents::NvmlEvents(const nvml::Functions& functions, nvml::Device device) : functions_(functions) {
  if (nvml::call(functions_.event_set_create, &set_) != nvml::kSuccess) {
    set_ = nullptr;
    return;
  }
  if (nvml::call(functions_.register_events, device, nvml::kEventXid, set_) == nvml::kSuccess) return;
  nvml::call(functions_.event_set_free, set_);
  set_ = nullptr;
}

NvmlEvents::~NvmlEvents() {
  if (set_ != nullptr) nvml::call(functions_.event_set_free, set_);
}

void NvmlEvents::read(GpuSample& sample) {
  constexpr int kMostAtOnce = 16;  // a card in trouble reports faster than anybody reads
  for (int i = 0; set_ != nullptr && i < kMostAtOnce; ++i) {
    nvml::EventData event;
    if (nvml::call(functions_.event_set_wait, set_, &event, 0U) != nvml::kSuccess) return;
    if (event.type == nvml::kEventXid) sample.xids.push_back(static_cast<std::int64_t>(event.data));
  }
}

}  // namespace wring
