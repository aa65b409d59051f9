#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "wring/gpu/host.h"
#include "wring/gpu/program.h"
#include "wring/gpu/telemetry.h"

namespace wring {

// One card in a tick: its newest sample, or that its driver call has not come back.
struct GpuTick {
  std::optional<GpuSample> sample;    // absent: nothing new since the last tick
  std::optional<double> stuck_for_s;  // the running driver call has taken this long; set once it is overdue
};

// Everything measured at one moment, handed to every sink (line writers, live view, server, summary) alike.
struct Tick {
  double time_s = 0;          // steady clock
  std::int64_t unix_ms = 0;   // for what people read
  double interval_s = 0;      // asked for
  std::int64_t missed = 0;    // ticks that could not be kept since the start
  std::vector<GpuTick> gpus;  // as Telemetry::gpus()
  HostSample host;
  std::optional<ProgramSample> program;  // absent where none can be seen, and between its readings, which are rarer
};

// Receives ticks in order, all from one thread.
class TickSink {
 public:
  virtual ~TickSink() = default;
  virtual void on_tick(const Tick& tick) = 0;
};

}  // namespace wring
