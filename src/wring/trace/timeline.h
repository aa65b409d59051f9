#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "wring/trace/chrome_trace.h"
#include "wring/trace/kernel_kinds.h"

namespace wring {

// What a thread of the host is at.
enum class HostPart : std::uint8_t {
  operators,  // of PyTorch
  loader,     // the wait for a batch
  optimizer,  // its step, without what a closure computes in it
  launch,     // a call of CUDA's that gives the device work
  sync,       // one that waits for the device
  copy,       // one that copies from pageable memory
  call,       // any other
};

using SpanKind = std::variant<HostPart, KernelKind>;

// A rectangle of a timeline: one event, or so many short ones that lie close together.
struct TimelineSpan {
  double begin_ms = 0;  // from the step's begin
  double end_ms = 0;
  SpanKind kind;           // that of most of its time
  std::string name;        // of one of its longest events; "" where the kind says it all
  std::int64_t count = 1;  // events
  double busy_ms = 0;      // of its time
};

struct TimelineRow {
  enum class Of : std::uint8_t {
    work,    // of a thread: its waits for batches, its optimiser, operators
    calls,   // a thread's calls of CUDA
    stream,  // of the device
  } of = Of::work;
  std::int64_t number = 0;  // of the thread or stream
  bool steps = false;       // the thread that steps
  std::vector<TimelineSpan> spans;
};

// One step, as the profiler saw it: what the host did from its begin to its end, and what the device did meanwhile,
// also for the step before.
struct StepTimeline {
  double step_ms = 0;
  int number = 1;                 // of the traced steps, from 1
  int steps = 1;                  // that were traced
  std::vector<TimelineRow> rows;  // the thread that steps, others that launch, streams; none is empty
  int more_threads = 0;           // that have no row: those that do least
  int more_streams = 0;

  std::size_t spans() const;
};

// So many rectangles a page can show.
inline constexpr std::size_t kMostSpans = 3000;

// The step whose length is the median, of those that take time. Absent where find_steps() finds no step.
std::optional<StepTimeline> step_timeline(const Trace& trace, std::size_t most_spans = kMostSpans);

// The same with fewer spans where it has more: short ones that lie close together become one. A row keeps one.
StepTimeline with_fewer_spans(StepTimeline timeline, std::size_t most);

}  // namespace wring
