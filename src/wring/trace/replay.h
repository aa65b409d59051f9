#pragma once
#include <array>
#include <span>
#include <vector>

#include "wring/trace/host_timeline.h"

namespace wring {

// The steps of a trace as a host and a queue of work that it feeds, to be run again under other conditions.
struct Model {
  int steps = 1;
  std::vector<HostItem> host;
  std::vector<double> device_ns;  // by event: how much longer it made the device busy
  double latency_ns = 0;          // from a call to the begin of its work, on an idle device
  double gap_ns = 0;              // between one work and the next that waits already
};

Model make_model(const Trace& trace, const StepWindow& window);

struct Conditions {
  double host_scale = 1;    // of the host's own work, against the trace, and of latency and gaps
  double loader_scale = 1;  // of the waits for batches
  double more_wait_ns = 0;  // a wait for a batch that each step has beside those of the trace
  bool syncs = true;        // whether calls that wait for the device do so
  bool copies = true;       // and copies from pageable memory hold the host up
};

struct Replayed {
  double step_ns = 0;
  std::array<double, kHostStates> idle_ns{};  // of a step, while the device had nothing: by what the host was at

  double idle(HostState state) const { return idle_ns[static_cast<std::size_t>(state)]; }
  // Without the waits for batches.
  double host_idle() const;
};

// The steps in a steady state, where the host may be ahead of the device. The idle times and the device's make up the
// step.
Replayed replay(const Model& model, const Conditions& conditions);

}  // namespace wring
