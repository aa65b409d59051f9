#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <vector>

#include "wring/base/text.h"
#include "wring/trace/chrome_trace.h"
#include "wring/trace/marks.h"

namespace wring {

inline constexpr std::size_t kNoLaunch = std::numeric_limits<std::size_t>::max();

// Something that the device did for a step.
struct StepEvent {
  std::size_t device = 0;          // in Trace::device
  std::size_t launch = kNoLaunch;  // the call for it, in Trace::host; kNoLaunch where the profile lacks it
  std::int64_t launched_ns = 0;
};

// The steps of a trace: what the host did between the first and the last mark, and what the device did for that, also
// where it did it later.
struct StepWindow {
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;
  int steps = 0;
  std::vector<std::int64_t> marks_ns;  // the ends of the steps, before them the begin of the first
  std::int64_t thread = 0;             // the one that steps
  std::set<std::int64_t> threads;      // those that feed the device: this one and what launches, as autograd's
  std::vector<StepEvent> events;       // in the order in which they were launched

  // Of this window's host events: those that begin in it.
  bool contains(const HostEvent& event) const { return event.begin_ns >= begin_ns && event.begin_ns < end_ns; }
};

struct FoundSteps {
  std::optional<StepWindow> window;
  Text reason;  // why there is none
};
FoundSteps find_steps(const Trace& trace);

}  // namespace wring
