#include "wring/trace/step_shares.h"

#include <algorithm>
#include <cmath>

#include "wring/trace/intervals.h"
#include "wring/trace/replay.h"
#include "wring/trace/step_window.h"

namespace wring {
namespace {

constexpr double kNsPerMs = 1e6;

// The device's busy time of all steps, in ns.
struct BusyTime {
  double computing = 0;
  double collective = 0;
  double copy = 0;
};

bool crosses_the_bus(std::string_view copy) {
  return copy.find("HtoD") != std::string_view::npos || copy.find("DtoH") != std::string_view::npos;
}

BusyTime busy_time(const Trace& trace, const StepWindow& window) {
  std::vector<Interval> computing;
  std::vector<Interval> without_copies;
  std::vector<Interval> all;
  for (const StepEvent& step : window.events) {
    const DeviceEvent& event = trace.device[step.device];
    const std::string_view name = trace.name_of(event);
    const bool copy = event.kind == DeviceKind::copy && crosses_the_bus(name);
    const bool collective = event.kind == DeviceKind::kernel && name.find("nccl") != std::string_view::npos;
    all.push_back({event.begin_ns, event.end_ns});
    if (!copy) without_copies.push_back(all.back());
    if (!copy && !collective) computing.push_back(all.back());
  }
  const auto length = [](std::vector<Interval> parts) {
    const Cover cover(std::move(parts));
    double ns = 0;
    for (const Interval& part : cover.parts()) ns += static_cast<double>(part.end_ns - part.begin_ns);
    return ns;
  };
  const double computing_ns = length(std::move(computing));
  const double without_copies_ns = length(std::move(without_copies));
  return {computing_ns, without_copies_ns - computing_ns, length(std::move(all)) - without_copies_ns};
}

// How the program's loader waits, taken over from the plain steps: longer or shorter than in the trace, or where the
// trace has none, at each step.
Conditions plain_conditions(const Model& model, double loader_wait_ms) {
  double traced_ns = 0;
  for (const HostItem& item : model.host) {
    if (item.kind == HostItem::Kind::work && item.state == HostState::loader) traced_ns += item.ns;
  }
  traced_ns /= model.steps;
  constexpr double kNoWaitNs = 1e3;
  Conditions conditions;
  const double plain_ns = kNsPerMs * loader_wait_ms;
  if (traced_ns > kNoWaitNs) {
    conditions.loader_scale = plain_ns / traced_ns;
  } else {
    conditions.more_wait_ns = plain_ns;
  }
  return conditions;
}

// The conditions under which a step takes as long as a plain one, or as nearly so as can be: the profiler does not make
// the host faster.
Conditions fitted(const Model& model, Conditions conditions, double step_ns) {
  const auto at = [&](double scale) {
    conditions.host_scale = scale;
    return replay(model, conditions).step_ns;
  };
  double low = 0;
  double high = 1;
  if (at(high) <= step_ns) return conditions;
  if (at(low) >= step_ns) return conditions;
  for (int i = 0; i < 40; ++i) (at((low + high) / 2) < step_ns ? low : high) = conditions.host_scale;
  return conditions;
}

// Divides the idle time that no batch was waited for: launches and the optimiser have what would be left if nothing
// held the host up; the rest is that of what does so.
void divide_host_idle(const Model& model, Conditions conditions, const Replayed& real, StepShares& shares) {
  const auto without = [&](bool syncs, bool copies) {
    conditions.syncs = syncs;
    conditions.copies = copies;
    return replay(model, conditions);
  };
  const Replayed ahead = without(false, false);
  const double no_syncs = without(false, true).host_idle();
  const double no_copies = without(true, false).host_idle();
  const double idle = real.host_idle();
  // Where either is taken away the other may still hold the host up: each has the mean of what it gives back first
  // and last.
  double sync = std::max(0.0, (idle - no_syncs) + (no_copies - ahead.host_idle()));
  double copy = std::max(0.0, (idle - no_copies) + (no_syncs - ahead.host_idle()));
  double elsewhere = ahead.idle(HostState::elsewhere);
  double optimizer = ahead.idle(HostState::optimizer);
  double launch = ahead.idle(HostState::launching) + elsewhere;
  const double free = launch + optimizer;
  const double rest = std::max(0.0, idle - free);
  const double scale = free > 0 ? std::min(1.0, idle / free) : 0;
  launch *= scale, elsewhere *= scale, optimizer *= scale;
  if (sync + copy > 0) {
    shares.sync_ms = rest * sync / (sync + copy);
    shares.copy_ms += rest * copy / (sync + copy);
  } else {
    launch += rest;
  }
  shares.launch_ms = launch;
  shares.elsewhere_ms = elsewhere;
  shares.optimizer_ms = optimizer;
}

}  // namespace

DividedSteps divide_steps(const Trace& trace, double step_ms, double loader_wait_ms) {
  const FoundSteps found = find_steps(trace);
  if (!found.window) return {std::nullopt, found.reason};
  if (!std::isfinite(step_ms) || step_ms <= 0) {
    return {std::nullopt, {"no step was measured without the profiler", "没有在性能分析之外测得训练步"}};
  }
  const StepWindow& window = *found.window;
  const Model model = make_model(trace, window);
  const double wait_ms = std::clamp(std::isfinite(loader_wait_ms) ? loader_wait_ms : 0.0, 0.0, step_ms);
  const Conditions conditions = fitted(model, plain_conditions(model, wait_ms), kNsPerMs * step_ms);
  const Replayed real = replay(model, conditions);

  const BusyTime busy = busy_time(trace, window);
  StepShares shares;
  shares.steps = window.steps;
  shares.computing_ms = busy.computing / window.steps;
  shares.collective_ms = busy.collective / window.steps;
  shares.copy_ms = busy.copy / window.steps;
  shares.loader_ms = real.idle(HostState::loader);
  divide_host_idle(model, conditions, real, shares);
  double sum = 0;
  const auto parts = {&StepShares::computing_ms, &StepShares::copy_ms, &StepShares::collective_ms,
                      &StepShares::loader_ms,    &StepShares::sync_ms, &StepShares::optimizer_ms,
                      &StepShares::launch_ms};
  for (const auto part : parts) sum += shares.*part;
  if (sum <= 0) return {std::nullopt, {"nothing of the profiled steps took time", "性能分析记录的训练步不含任何耗时"}};
  const double to_ms = step_ms / sum;
  for (const auto part : parts) shares.*part *= to_ms;
  shares.elsewhere_ms *= to_ms;
  shares.step_ms = step_ms;
  shares.host_scale = conditions.host_scale;
  shares.stretch = to_ms * kNsPerMs;
  return {shares, {}};
}

}  // namespace wring
