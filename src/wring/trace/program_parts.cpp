#include "wring/trace/program_parts.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace wring {

Cover loader_waits(const Trace& trace, const StepWindow& window) {
  std::vector<Interval> waits;
  for (const HostEvent& event : trace.host) {
    if (event.kind == HostKind::call || event.thread != window.thread) continue;
    const std::string_view name = trace.name_of(event);
    if (!name.starts_with("enumerate(DataLoader)") || name.find("__next__") == std::string_view::npos) continue;
    waits.push_back({event.begin_ns, event.end_ns});
  }
  return Cover(std::move(waits));
}

Cover optimizer_steps(const Trace& trace, const StepWindow& window) {
  std::vector<Interval> steps;
  for (const HostEvent& event : trace.host) {
    if (event.kind != HostKind::annotation || event.thread != window.thread) continue;
    if (trace.name_of(event).starts_with("Optimizer.step#")) steps.push_back({event.begin_ns, event.end_ns});
  }
  for (const HostEvent& event : trace.host) {
    if (event.kind != HostKind::op || !trace.name_of(event).starts_with("autograd::engine::evaluate_function"))
      continue;
    for (Interval& step : steps) {
      if (event.begin_ns < step.end_ns && event.end_ns > step.begin_ns) {
        step.begin_ns = std::min(step.end_ns, std::max(step.begin_ns, event.end_ns));
      }
    }
  }
  return Cover(std::move(steps));
}

}  // namespace wring
