#include "wring/trace/step_window.h"

#include <algorithm>
#include <unordered_map>

namespace wring {
namespace {

// The device's events whose calls were made in the window. One call launches many where it starts a captured graph.
std::vector<StepEvent> events_of(const Trace& trace, const StepWindow& window) {
  std::unordered_map<std::uint64_t, std::size_t> calls;
  for (std::size_t i = 0; i < trace.host.size(); ++i) {
    const HostEvent& call = trace.host[i];
    if (call.kind == HostKind::call && call.correlation != 0) calls.emplace(call.correlation, i);
  }
  std::vector<StepEvent> events;
  for (std::size_t i = 0; i < trace.device.size(); ++i) {
    const auto call = calls.find(trace.device[i].correlation);
    StepEvent event{i, kNoLaunch, trace.device[i].begin_ns};
    if (call != calls.end()) event = {i, call->second, trace.host[call->second].begin_ns};
    if (event.launched_ns >= window.begin_ns && event.launched_ns < window.end_ns) events.push_back(event);
  }
  std::ranges::stable_sort(events, {}, &StepEvent::launched_ns);
  return events;
}

}  // namespace

FoundSteps find_steps(const Trace& trace) {
  StepWindow window;
  const StepMarks marks = find_marks(trace);
  if (!marks.at_ns.empty()) {
    window.begin_ns = marks.at_ns.front();
    window.end_ns = marks.at_ns.back();
    window.thread = marks.thread;
    window.marks_ns = marks.at_ns;
  }
  window.steps = static_cast<int>(marks.at_ns.size()) - 1;
  if (window.steps < 1 || window.end_ns == window.begin_ns) {
    return {std::nullopt, {"the profile holds no whole step", "性能分析记录中没有完整的训练步"}};
  }
  window.events = events_of(trace, window);
  if (window.events.empty()) {
    return {std::nullopt, {"the profile shows no work on a GPU", "性能分析记录中没有 GPU 上的工作"}};
  }
  window.threads = {window.thread};
  for (const StepEvent& event : window.events) {
    if (event.launch != kNoLaunch) window.threads.insert(trace.host[event.launch].thread);
  }
  return {std::move(window), {}};
}

}  // namespace wring
