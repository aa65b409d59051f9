#include "wring/trace/marks.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

namespace wring {
namespace {

constexpr std::string_view kStepRange = "Optimizer.step#";
constexpr std::string_view kLoaderRange = "enumerate(DataLoader)";
// Beyond this a program that takes many steps on each batch is likelier than so many optimisers of one class.
constexpr long kMostOfOneClass = 4;

StepMarks agents_marks(const Trace& trace) {
  StepMarks marks;
  for (const HostEvent& event : trace.host) {
    if (event.kind == HostKind::call || trace.name_of(event) != kStepMark) continue;
    if (marks.at_ns.empty()) marks.thread = event.thread;
    marks.at_ns.push_back(event.begin_ns);
  }
  return marks;
}

// "Optimizer.step#AdamW.step" → "AdamW"
std::string class_of(std::string_view range) {
  range.remove_prefix(kStepRange.size());
  return std::string(range.substr(0, range.rfind('.')));
}

// How often an optimiser steps for one batch: more than once where several share a name.
std::size_t steps_per_batch(const Trace& trace, const StepMarks& marks) {
  std::size_t batches = 0;
  for (const HostEvent& event : trace.host) {
    const bool within = event.begin_ns >= marks.at_ns.front() && event.begin_ns < marks.at_ns.back();
    if (within && event.kind == HostKind::annotation && event.thread == marks.thread &&
        trace.name_of(event).starts_with(kLoaderRange)) {
      ++batches;
    }
  }
  if (batches == 0) return 1;
  const auto steps = static_cast<double>(marks.at_ns.size() - 1);
  const long each = std::lround(steps / static_cast<double>(batches));
  return each >= 1 && each <= kMostOfOneClass ? static_cast<std::size_t>(each) : 1;
}

StepMarks optimizers_marks(const Trace& trace) {
  std::map<std::pair<NameId, std::int64_t>, std::vector<std::int64_t>> ends;  // by the range and its thread
  const std::vector<std::int64_t>* most = nullptr;
  StepMarks marks;
  std::optional<NameId> name;
  for (const HostEvent& event : trace.host) {
    if (event.kind != HostKind::annotation || !trace.name_of(event).starts_with(kStepRange)) continue;
    std::vector<std::int64_t>& own = ends[{event.name, event.thread}];
    own.push_back(event.end_ns);
    if (most != nullptr && own.size() <= most->size()) continue;
    most = &own;  // of a map: it stays where it is
    name = event.name;
    marks.thread = event.thread;
  }
  if (most == nullptr || most->size() < 2) return marks;
  marks.optimizer = class_of(trace.names[*name]);
  marks.at_ns = *most;
  std::ranges::sort(marks.at_ns);
  marks.at_ns.pop_back();  // the profiler is stopped by a hook within the last step, and makes it longer
  const std::size_t round = steps_per_batch(trace, marks);
  for (std::size_t i = 0; i * round < marks.at_ns.size(); ++i) marks.at_ns[i] = marks.at_ns[i * round];
  marks.at_ns.resize((marks.at_ns.size() + round - 1) / round);
  return marks;
}

}  // namespace

StepMarks find_marks(const Trace& trace) {
  StepMarks marks = agents_marks(trace);
  return marks.at_ns.empty() ? optimizers_marks(trace) : marks;
}

}  // namespace wring
