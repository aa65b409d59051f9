#include "wring_train/measure/kernel_times.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <torch/csrc/autograd/profiler_kineto.h>

namespace wring {
namespace {

namespace profiler = torch::autograd::profiler;

// The operators that ran on the host, by the number by which the kernels that they launched name them.
class Operators {
 public:
  explicit Operators(const std::vector<profiler::KinetoEvent>& events) {
    for (const auto& event : events) {
      if (event.deviceType() != c10::DeviceType::CPU || event.correlationId() == 0) continue;
      const bool typed = event.hasTypes() && !event.dtypes().empty();
      by_number_[event.correlationId()] = {event.name(), typed ? event.dtypes()[0] : ""};
    }
  }

  KernelKind kind_of(const profiler::KinetoEvent& kernel, bool sixteen_bit) const {
    const std::string name = kernel.name();
    const auto found = by_number_.find(kernel.linkedCorrelationId());
    if (found == by_number_.end()) return kernel_kind({.name = name, .op = "", .input_type = ""}, sixteen_bit);
    return kernel_kind({.name = name, .op = found->second.name, .input_type = found->second.input_type}, sixteen_bit);
  }

 private:
  struct Operator {
    std::string name;
    std::string input_type;
  };
  std::map<std::uint64_t, Operator> by_number_;
};

// `kernels`: the longest first.
std::vector<KernelKindTime> times_by_kind(const std::vector<KernelRun>& runs, const std::vector<KernelTime>& kernels,
                                          int steps) {
  const DividedTime divided = divide_time(runs);
  std::vector<KernelKindTime> times;
  for (const KernelKindRow& row : kernel_kind_rows()) {
    const auto index = static_cast<std::size_t>(row.kind);
    if (divided.ns[index] <= 0) continue;
    KernelKindTime time;
    time.kind = row.kind;
    time.ms = divided.ns[index] / 1e6 / steps;
    time.small_ms = divided.small_ns[index] / 1e6 / steps;
    for (const KernelTime& kernel : kernels) {
      if (kernel.kind != row.kind) continue;
      if (time.heaviest.empty()) time.heaviest = kernel.name;
      time.calls += kernel.calls_per_step;
    }
    times.push_back(std::move(time));
  }
  std::ranges::sort(times, std::ranges::greater{}, &KernelKindTime::ms);
  return times;
}

}  // namespace

KernelTimes record_kernel_times(int steps, bool sixteen_bit, const std::function<void()>& run) {
  const std::set<torch::profiler::impl::ActivityType> activities{torch::profiler::impl::ActivityType::CPU,
                                                                 torch::profiler::impl::ActivityType::CUDA};
  torch::profiler::impl::ExperimentalConfig more;
  more.expose_kineto_event_metadata = true;  // blocks of a launch
  const torch::profiler::impl::ProfilerConfig config(torch::profiler::impl::ProfilerState::KINETO,
                                                     /*report_input_shapes=*/true, false, false, false, false, more);
  profiler::prepareProfiler(config, activities);
  profiler::enableProfiler(config, activities);
  run();
  const auto result = profiler::disableProfiler();

  const Operators operators(result->events());
  std::map<std::pair<std::string, KernelKind>, KernelTime> by_name;
  std::vector<KernelRun> runs;
  for (const auto& event : result->events()) {
    if (event.deviceType() != c10::DeviceType::CUDA || event.durationNs() == 0) continue;
    const KernelKind kind = operators.kind_of(event, sixteen_bit);
    KernelTime& kernel = by_name[{event.name(), kind}];
    kernel.name = event.name();
    kernel.kind = kind;
    kernel.calls_per_step += 1.0 / steps;
    kernel.us_per_step += static_cast<double>(event.durationNs()) / 1e3 / steps;
    runs.push_back(
        {kind, event.startNs(), event.startNs() + event.durationNs(), is_small_launch(event.metadataJson())});
  }
  KernelTimes times;
  for (auto& [name, kernel] : by_name) times.kernels.push_back(std::move(kernel));
  std::ranges::sort(times.kernels, std::ranges::greater{}, &KernelTime::us_per_step);
  times.kinds = times_by_kind(runs, times.kernels, steps);
  for (const KernelKindTime& kind : times.kinds) times.busy_us_per_step += 1e3 * kind.ms;
  if (!runs.empty()) {
    const auto first = std::ranges::min(runs, {}, &KernelRun::begin_ns).begin_ns;
    const auto last = std::ranges::max(runs, {}, &KernelRun::end_ns).end_ns;
    times.span_us_per_step = static_cast<double>(last - first) / 1e3 / steps;
  }
  return times;
}

std::optional<double> kernel_busy_percent(const KernelTimes& times, double step_ms) {
  if (times.kernels.empty() || step_ms <= 0) return std::nullopt;
  return std::min(100.0, 100 * times.busy_us_per_step / (1000 * step_ms));
}

}  // namespace wring
