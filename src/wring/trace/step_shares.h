#pragma once
#include <optional>

#include "wring/base/text.h"
#include "wring/trace/chrome_trace.h"

namespace wring {

// Where the time of a step goes, in ms; they add up to step_ms.
struct StepShares {
  double step_ms = 0;
  double computing_ms = 0;  // kernels run, other than collectives alone
  double copy_ms = 0;       // the device copies and does nothing else, or idles since a copy from pageable memory holds
                            // the host up
  double collective_ms = 0;  // collectives run, which wait for other ranks too, and no other kernel
  double loader_ms = 0;      // the rest is the idle device's: while the stepping thread waits for a batch
  double sync_ms = 0;        // since the host waited for the device, and could have been ahead of it
  double optimizer_ms = 0;   // while the host is at the optimiser
  double launch_ms = 0;      // while the host does anything else: it launches too slowly
  int steps = 0;

  double elsewhere_ms = 0;  // of launch_ms, without an operator for a millisecond and more: the program's own code
  double host_scale = 1;    // the host's work of a plain step, against that under the profiler
  double stretch = 1;  // what all shares were multiplied by since a plain step is shorter than the device's work of
                       // a traced one (below 1), or longer than a traced one (above 1)
};

struct DividedSteps {
  std::optional<StepShares> shares;
  Text reason;  // why there are none
};

// Divides the mean step of a trace. Kernels take as long under the profiler as without it, but the host is slowed down:
// its work is scaled so that a step takes as long as a plain one, `step_ms`, which waits `loader_wait_ms` for batches.
// What waiting for the device costs is told by running the steps again, as a queue, without these waits.
DividedSteps divide_steps(const Trace& trace, double step_ms, double loader_wait_ms);

}  // namespace wring
