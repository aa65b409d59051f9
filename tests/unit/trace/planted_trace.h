#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "wring/trace/chrome_trace.h"

namespace wring {

// A trace made by hand. Times are in µs; what is launched begins when and for as long as the test says.
class PlantedTrace {
 public:
  static constexpr std::int64_t kStepper = 1;
  static constexpr std::int64_t kAutograd = 2;

  struct Run {
    double begin = 0;
    double length = 0;
    std::string name = "void at::native::vectorized_elementwise_kernel<4>";
    std::int64_t stream = 7;
  };

  PlantedTrace& on(std::int64_t thread) {
    thread_ = thread;
    return *this;
  }
  PlantedTrace& mark(double at) { return annotation("wring.step", at, 0); }
  PlantedTrace& annotation(const std::string& name, double begin, double length) {
    return host(HostKind::annotation, name, begin, length, 0);
  }
  PlantedTrace& op(const std::string& name, double begin, double length, const std::string& input_type = "") {
    host(HostKind::op, name, begin, length, 0);
    op_ = ++ops_;
    trace_.host.back().external = op_;
    trace_.host.back().input_type = number(input_type);
    return *this;
  }
  // Of the operator before.
  PlantedTrace& flops(double flops) {
    trace_.host.back().flops = flops;
    return *this;
  }
  // What follows is made by no operator.
  PlantedTrace& outside() {
    op_ = 0;
    return *this;
  }
  PlantedTrace& loader(double begin, double length) {
    return annotation("enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__", begin, length);
  }
  // A call that launches nothing.
  PlantedTrace& call(const std::string& name, double begin, double length) {
    return host(HostKind::call, name, begin, length, ++correlation_);
  }
  // Made by the operator before; so are those that follow.
  PlantedTrace& kernel(double called, const Run& run) { return launch("cudaLaunchKernel", called, 4, run); }
  PlantedTrace& copy(double called, double call_length, const Run& run, std::int64_t bytes = 4096) {
    launch("cudaMemcpyAsync", called, call_length, run);
    trace_.device.back().kind = DeviceKind::copy;
    trace_.device.back().bytes = bytes;
    return *this;
  }
  PlantedTrace& launch(const std::string& name, double called, double call_length, const Run& run) {
    call(name, called, call_length);
    return more(run);
  }
  // Something else that the last call launched.
  PlantedTrace& more(const Run& run) {
    trace_.device.push_back({ns(run.begin), ns(run.begin + run.length), run.stream, 0, op_, correlation_,
                             number(run.name), DeviceKind::kernel, false});
    return *this;
  }

  Trace trace() const {
    Trace ordered = trace_;
    std::ranges::stable_sort(ordered.host, {}, &HostEvent::begin_ns);
    std::ranges::stable_sort(ordered.device, {}, &DeviceEvent::begin_ns);
    return ordered;
  }

 private:
  static std::int64_t ns(double us) { return std::llround(1000 * us); }

  NameId number(const std::string& name) {
    const auto [place, is_new] = numbers_.try_emplace(name, static_cast<NameId>(trace_.names.size()));
    if (is_new) trace_.names.push_back(name);
    return place->second;
  }

  PlantedTrace& host(HostKind kind, const std::string& name, double begin, double length, std::uint64_t correlation) {
    trace_.host.push_back(
        {ns(begin), ns(begin + length), thread_, kind == HostKind::call ? op_ : 0, correlation, number(name), 0, kind});
    return *this;
  }

  Trace trace_;
  std::map<std::string, NameId> numbers_ = {{"", 0}};
  std::int64_t thread_ = kStepper;
  std::uint64_t correlation_ = 0;
  std::uint64_t ops_ = 0;
  std::uint64_t op_ = 0;  // the last one
};

}  // namespace wring
