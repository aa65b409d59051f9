#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace wring {

// A place in Trace::names; 0 is "".
using NameId = std::uint32_t;

enum class HostKind : std::uint8_t {
  op,          // an operator: "aten::mm"
  annotation,  // a range that PyTorch or the program named: "Optimizer.step#SGD.step"
  call,        // of CUDA's runtime or driver: "cudaLaunchKernel"
};

struct HostEvent {
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;
  std::int64_t thread = 0;
  std::uint64_t external = 0;     // the operator's number; of a call that of the operator which made it; 0: none
  std::uint64_t correlation = 0;  // of a call: what the device did for it has the same number; 0: none
  NameId name = 0;
  NameId input_type = 0;  // of the first tensor among the operator's inputs: "float", "c10::BFloat16"
  HostKind kind = HostKind::op;
  double flops = 0;  // of a convolution, product or attention, by the shapes of its inputs; 0: none, or not known

  bool operator==(const HostEvent&) const = default;
};

enum class DeviceKind : std::uint8_t { kernel, copy, fill };

struct DeviceEvent {
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;
  std::int64_t stream = 0;
  std::int64_t bytes = 0;  // of a copy or fill
  std::uint64_t external = 0;
  std::uint64_t correlation = 0;
  NameId name = 0;
  DeviceKind kind = DeviceKind::kernel;
  bool small = false;  // a kernel with too few blocks for the device's multiprocessors

  bool operator==(const DeviceEvent&) const = default;
};

// What a program and its device did while PyTorch's profiler looked. Both lists are in the order of their begins, in ns
// from the first event's.
struct Trace {
  std::vector<HostEvent> host;
  std::vector<DeviceEvent> device;
  std::vector<std::string> names = {""};

  std::string_view name_of(const HostEvent& event) const { return names[event.name]; }
  std::string_view name_of(const DeviceEvent& event) const { return names[event.name]; }
};

// Reads a Chrome trace as Kineto writes it, compressed by gzip or not. Only the events above are kept: what repeats
// them (annotations on the device's rows, arrows between events) is not. A program chose what it holds, so that nothing
// in it is believed: neither a link, nor a file of another user, nor times that cannot be, nor more than memory holds.
// Throws Unreadable where the system does not let the file be read, Error{failed} naming it where it is damaged or no
// such trace.
Trace read_trace(const std::filesystem::path& path);

}  // namespace wring
