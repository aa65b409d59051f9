#include "wring/kineto/told_by_trace.h"

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "wring/trace/intervals.h"
#include "wring/trace/marks.h"
#include "wring/trace/program_parts.h"
#include "wring/tune/statistics.h"

namespace wring::kineto {
namespace {

constexpr double kNsPerMs = 1e6;

std::vector<double> durations_ms(const StepMarks& marks) {
  std::vector<double> durations;
  for (std::size_t i = 1; i < marks.at_ns.size(); ++i) {
    durations.push_back(static_cast<double>(marks.at_ns[i] - marks.at_ns[i - 1]) / kNsPerMs);
  }
  return durations;
}

double waits_ms(const Trace& trace, const StepMarks& marks) {
  StepWindow window;
  window.thread = marks.thread;
  const Cover cover = loader_waits(trace, window);
  double ns = 0;
  for (const Interval& wait : cover.parts()) {
    const std::int64_t begin = std::max(wait.begin_ns, marks.at_ns.front());
    const std::int64_t end = std::min(wait.end_ns, marks.at_ns.back());
    ns += static_cast<double>(std::max<std::int64_t>(0, end - begin));
  }
  return ns / kNsPerMs;
}

// Of the loader whose batches the thread that steps waits for.
struct Batches {
  std::int64_t count = 0;
  bool without_workers = false;
};

Batches batches_of(const Trace& trace, const StepMarks& marks) {
  Batches batches;
  std::int64_t in_process = 0;
  for (const HostEvent& event : trace.host) {
    const bool within = event.begin_ns >= marks.at_ns.front() && event.begin_ns < marks.at_ns.back();
    if (!within || event.kind != HostKind::annotation || event.thread != marks.thread) continue;
    const std::string_view name = trace.name_of(event);
    if (!name.starts_with("enumerate(DataLoader)")) continue;
    ++batches.count;
    in_process += name.find("_SingleProcessDataLoaderIter") != std::string_view::npos ? 1 : 0;
  }
  batches.without_workers = batches.count > 0 && in_process == batches.count;
  return batches;
}

// A range or an operator, or a kernel of torch.compile's: some name of the trace begins so.
bool has_name(const Trace& trace, std::initializer_list<std::string_view> begins) {
  return std::ranges::any_of(trace.names, [&](const std::string& name) {
    return std::ranges::any_of(begins, [&](std::string_view begin) { return name.starts_with(begin); });
  });
}

}  // namespace

Observation observe_steps(const Trace& steps) {
  Observation observation;
  observation.without_agent = true;
  const StepMarks marks = find_marks(steps);
  std::vector<double> durations = durations_ms(marks);
  if (durations.empty()) return observation;
  std::ranges::sort(durations);
  const auto n = static_cast<double>(durations.size());
  double sum_ms = 0;
  for (const double one : durations) sum_ms += one;
  const std::size_t p95 = std::min(durations.size() - 1, static_cast<std::size_t>(0.95 * n));
  const Batches batches = batches_of(steps, marks);
  ObservedSteps& seen = observation.steps;
  seen.n = std::ssize(durations);
  seen.step_ms.median = median_of(durations);
  seen.step_ms.mad = mad_of(durations);
  seen.step_ms.p95 = durations[p95];
  seen.step_ms.n = seen.n;
  seen.mean_ms = sum_ms / n;
  seen.loader_wait_ms = waits_ms(steps, marks) / n;
  seen.batches_per_step = static_cast<double>(batches.count) / n;
  observation.loads_in_step = batches.without_workers;
  if (!marks.optimizer.empty()) {
    ObservedOptimizer optimizer;
    optimizer.type = marks.optimizer;
    optimizer.steps = seen.n;
    optimizer.counted = true;
    observation.optimizers.push_back(std::move(optimizer));
  }
  return observation;
}

void add_profile(Observation& observation, const Trace& profile, const std::filesystem::path& path) {
  const bool calls =
      std::ranges::any_of(profile.host, [](const HostEvent& event) { return event.kind == HostKind::call; });
  observation.process.device = calls || !profile.device.empty() ? "cuda" : "cpu";
  if (observation.process.device == "cuda") observation.process.device_name = device_name_in(path);
  const StepMarks marks = find_marks(profile);
  observation.trace = ObservedTrace{path, std::max<std::int64_t>(0, std::ssize(marks.at_ns) - 1)};
  // That it is not fused cannot be told: a step that is compiled shows no operators of its own.
  for (ObservedOptimizer& optimizer : observation.optimizers) {
    if (has_name(profile, {"aten::_fused_adam", "aten::_fused_adagrad", "aten::_fused_sgd"})) optimizer.fused = true;
  }
  observation.compiled_modules = has_name(profile, {"Torch-Compiled Region", "triton_"}) ? 1 : 0;
}

std::string device_name_in(const std::filesystem::path& trace) {
  constexpr std::size_t kHeadBytes = 1 << 16;
  std::string head(kHeadBytes, '\0');
  std::ifstream file(trace, std::ios::binary);
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  const std::size_t key = head.find("\"deviceProperties\"");
  const std::size_t begin = key == std::string::npos ? key : head.find('[', key);
  const std::size_t end = begin == std::string::npos ? begin : head.find(']', begin);
  if (end == std::string::npos) return "";
  const auto list = nlohmann::json::parse(head.substr(begin, end + 1 - begin), nullptr, /*allow_exceptions=*/false);
  std::string name;
  if (!list.is_array()) return "";
  for (const nlohmann::json& device : list) {
    const auto own = device.is_object() ? device.find("name") : device.end();
    if (own == device.end() || !own->is_string()) return "";
    if (!name.empty() && name != own->get_ref<const std::string&>()) return "";
    name = own->get<std::string>();
  }
  return name;
}

}  // namespace wring::kineto
