#include "wring/trace/cuda_calls.h"

#include <algorithm>
#include <array>

namespace wring {

bool is_synchronising(std::string_view call) {
  constexpr std::array<std::string_view, 7> kWaits = {"cudaStreamSynchronize",
                                                      "cudaDeviceSynchronize",
                                                      "cudaEventSynchronize",
                                                      "cuStreamSynchronize",
                                                      "cuCtxSynchronize",
                                                      "cuEventSynchronize",
                                                      "cudaFree"};
  if (call.starts_with("cudaMemcpy")) return call.find("Async") == std::string_view::npos;
  return std::ranges::find(kWaits, call.substr(0, call.find("_v"))) != kWaits.end();
}

BlockingCalls::BlockingCalls(const Trace& trace, const StepWindow& window) : trace_(trace) {
  for (const StepEvent& event : window.events) {
    const DeviceEvent& copy = trace.device[event.device];
    if (copy.kind != DeviceKind::copy || trace.name_of(copy).find("Pageable") == std::string_view::npos) continue;
    const bool to_device = trace.name_of(copy).find("HtoD") != std::string_view::npos;
    (to_device ? to_device_ : from_device_).insert(copy.correlation);
    if (to_device && copy.external != 0) copying_operators_.insert(copy.external);
  }
}

Blocking BlockingCalls::of(const HostEvent& call) const {
  if (call.kind != HostKind::call) return Blocking::no;
  if (to_device_.contains(call.correlation)) return Blocking::copy;
  if (from_device_.contains(call.correlation)) return Blocking::sync;
  if (!is_synchronising(trace_.name_of(call))) return Blocking::no;
  // PyTorch waits for a copy from pageable memory by a call of its own, within the same operator.
  return copying_operators_.contains(call.external) ? Blocking::copy : Blocking::sync;
}

}  // namespace wring
