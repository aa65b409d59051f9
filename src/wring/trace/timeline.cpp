#include "wring/trace/timeline.h"

#include <algorithm>
#include <map>
#include <utility>

#include "wring/trace/cuda_calls.h"
#include "wring/trace/intervals.h"
#include "wring/trace/program_parts.h"
#include "wring/trace/step_window.h"
#include "wring/trace/step_work.h"

namespace wring {
namespace {

// A row's cells to begin with; one is about a pixel wide on a page that is twice as wide as a screen.
constexpr double kCells = 2000;
// Rows beyond these tell nothing that they do not: a program of many threads or streams uses them alike.
constexpr std::size_t kMostThreads = 4;
constexpr std::size_t kMostStreams = 8;

// Puts together what begins in the same cell: it holds at most one long span, and one of all short ones before it.
class RowMerger {
 public:
  explicit RowMerger(double cell_ms) : cell_ms_(cell_ms) {}

  // In the order of their begins.
  void add(TimelineSpan span) {
    const auto cell = static_cast<std::int64_t>(span.begin_ms / cell_ms_);
    const bool joins = !spans_.empty() && cell == cell_ && (is_short(span) || !is_short(spans_.back()));
    if (joins) {
      join(span);
    } else {
      cell_ = cell;
      times_ = {{span.kind, span.busy_ms}};
      longest_ms_ = span.busy_ms;
      spans_.push_back(std::move(span));
    }
  }
  std::vector<TimelineSpan> take() { return std::move(spans_); }

 private:
  bool is_short(const TimelineSpan& span) const { return span.end_ms - span.begin_ms < cell_ms_; }

  void join(TimelineSpan& span) {
    TimelineSpan& all = spans_.back();
    all.end_ms = std::max(all.end_ms, span.end_ms);
    all.count += span.count;
    all.busy_ms = std::min(all.busy_ms + span.busy_ms, all.end_ms - all.begin_ms);  // some run at the same time
    times_[span.kind] += span.busy_ms;
    all.kind = std::ranges::max_element(times_, {}, [](const auto& time) { return time.second; })->first;
    if (span.busy_ms <= longest_ms_) return;
    longest_ms_ = span.busy_ms;
    all.name = std::move(span.name);
  }

  double cell_ms_;
  std::vector<TimelineSpan> spans_;
  std::int64_t cell_ = -1;  // of the last span, and what went into it
  std::map<SpanKind, double> times_;
  double longest_ms_ = 0;
};

struct Step {
  std::int64_t begin_ns = 0;
  std::int64_t end_ns = 0;
  int number = 1;

  std::int64_t length_ns() const { return end_ns - begin_ns; }
};

std::optional<Step> median_step(const StepWindow& window) {
  std::vector<Step> steps;
  for (std::size_t i = 1; i < window.marks_ns.size(); ++i) {
    const Step step{window.marks_ns[i - 1], window.marks_ns[i], static_cast<int>(i)};
    if (step.length_ns() > 0) steps.push_back(step);
  }
  if (steps.empty()) return std::nullopt;
  std::ranges::stable_sort(steps, {}, &Step::length_ns);
  return steps[(steps.size() - 1) / 2];
}

class TimelineReader {
 public:
  TimelineReader(const Trace& trace, const StepWindow& window, const Step& step)
      : trace_(trace),
        window_(window),
        step_(step),
        cell_ms_(ms(step.length_ns()) / kCells),
        loader_(loader_waits(trace, window)),
        optimizer_(optimizer_steps(trace, window)),
        launches_(trace.host.size()) {
    for (const StepEvent& event : window.events) {
      if (event.launch != kNoLaunch) launches_[event.launch] = true;
    }
  }

  StepTimeline read() {
    timeline_.step_ms = ms(step_.length_ns());
    timeline_.number = step_.number;
    timeline_.steps = window_.steps;
    const std::vector<std::int64_t> threads = shown_threads();
    for (const std::int64_t thread : threads) add_thread(thread);
    add_streams();
    return std::move(timeline_);
  }

 private:
  static double ms(std::int64_t ns) { return static_cast<double>(ns) / 1e6; }
  bool within(const auto& event) const { return event.begin_ns < step_.end_ns && event.end_ns > step_.begin_ns; }

  TimelineSpan span(std::int64_t begin_ns, std::int64_t end_ns, SpanKind kind, std::string_view name) const {
    const double begin_ms = ms(std::max(begin_ns, step_.begin_ns) - step_.begin_ns);
    const double end_ms = ms(std::min(end_ns, step_.end_ns) - step_.begin_ns);
    return {begin_ms, end_ms, kind, std::string(name), 1, end_ms - begin_ms};
  }

  void add_row(TimelineRow::Of of, std::int64_t number, std::vector<TimelineSpan> spans) {
    if (!spans.empty())
      timeline_.rows.push_back(
          {of, number, of != TimelineRow::Of::stream && number == window_.thread, std::move(spans)});
  }

  // The numbers of the largest, in their order; `left`: how many there are beside them.
  static std::vector<std::int64_t> largest(const std::map<std::int64_t, double>& sizes, std::size_t most, int& left) {
    std::vector<std::pair<std::int64_t, double>> all(sizes.begin(), sizes.end());
    std::ranges::stable_sort(all, std::ranges::greater{}, [](const auto& one) { return one.second; });
    left = static_cast<int>(all.size() - std::min(all.size(), most));
    all.resize(std::min(all.size(), most));
    std::vector<std::int64_t> numbers;
    for (const auto& [number, size] : all) numbers.push_back(number);
    std::ranges::sort(numbers);
    return numbers;
  }

  // The one that steps first.
  std::vector<std::int64_t> shown_threads() {
    std::map<std::int64_t, double> calls;  // of the others
    for (const HostEvent& event : trace_.host) {
      const bool counts = event.kind == HostKind::call && event.thread != window_.thread && within(event);
      if (counts && window_.threads.contains(event.thread)) calls[event.thread] += ms(event.end_ns - event.begin_ns);
    }
    std::vector<std::int64_t> threads = largest(calls, kMostThreads - 1, timeline_.more_threads);
    threads.insert(threads.begin(), window_.thread);
    return threads;
  }

  void add_thread(std::int64_t thread) {
    add_row(TimelineRow::Of::work, thread, work_of(thread));
    add_row(TimelineRow::Of::calls, thread, calls_of(thread));
  }

  std::vector<TimelineSpan> work_of(std::int64_t thread) const {
    struct Piece {
      std::int64_t begin_ns;
      std::int64_t end_ns;
      HostPart part;
      NameId name;
    };
    std::vector<Piece> pieces;
    const bool steps = thread == window_.thread;
    const auto add_parts = [&](const Cover& cover, HostPart part) {
      for (const Interval& one : cover.parts()) pieces.push_back({one.begin_ns, one.end_ns, part, 0});
    };
    if (steps) add_parts(loader_, HostPart::loader);
    if (steps) add_parts(optimizer_, HostPart::optimizer);
    std::int64_t outermost_end_ns = step_.begin_ns - 1;
    for (const HostEvent& event : trace_.host) {
      if (event.kind != HostKind::op || event.thread != thread || !within(event)) continue;
      if (event.begin_ns < outermost_end_ns) continue;
      outermost_end_ns = event.end_ns;
      const bool shown = steps && (loader_.contains(event.begin_ns) || optimizer_.contains(event.begin_ns));
      if (!shown) pieces.push_back({event.begin_ns, event.end_ns, HostPart::operators, event.name});
    }
    std::ranges::stable_sort(pieces, {}, &Piece::begin_ns);
    RowMerger row(cell_ms_);
    for (const Piece& one : pieces) {
      if (within(one)) row.add(span(one.begin_ns, one.end_ns, one.part, trace_.names[one.name]));
    }
    return row.take();
  }

  std::vector<TimelineSpan> calls_of(std::int64_t thread) const {
    const BlockingCalls blocking(trace_, window_);
    RowMerger row(cell_ms_);
    for (std::size_t i = 0; i < trace_.host.size(); ++i) {
      const HostEvent& event = trace_.host[i];
      if (event.kind != HostKind::call || event.thread != thread || !within(event)) continue;
      HostPart part = launches_[i] ? HostPart::launch : HostPart::call;
      if (const Blocking held = blocking.of(event); held != Blocking::no) {
        part = held == Blocking::copy ? HostPart::copy : HostPart::sync;
      }
      row.add(span(event.begin_ns, event.end_ns, part, trace_.name_of(event)));
    }
    return row.take();
  }

  void add_streams() {
    const std::vector<KernelKind> kinds = event_kinds(trace_, window_);
    std::vector<std::pair<std::size_t, KernelKind>> events;  // of Trace::device, so in the order of their begins
    std::map<std::int64_t, double> busy;
    for (std::size_t i = 0; i < window_.events.size(); ++i) {
      const DeviceEvent& event = trace_.device[window_.events[i].device];
      if (!within(event)) continue;
      events.emplace_back(window_.events[i].device, kinds[i]);
      busy[event.stream] += ms(event.end_ns - event.begin_ns);
    }
    std::ranges::sort(events);
    for (const std::int64_t stream : largest(busy, kMostStreams, timeline_.more_streams)) {
      RowMerger row(cell_ms_);
      for (const auto& [number, kind] : events) {
        const DeviceEvent& event = trace_.device[number];
        if (event.stream != stream) continue;
        row.add(span(event.begin_ns, event.end_ns, kind, trace_.name_of(event)));
      }
      add_row(TimelineRow::Of::stream, stream, row.take());
    }
  }

  const Trace& trace_;
  const StepWindow& window_;
  const Step& step_;
  double cell_ms_;
  Cover loader_;
  Cover optimizer_;
  std::vector<bool> launches_;  // by the call's place in Trace::host: whether the device did something for it
  StepTimeline timeline_;
};

}  // namespace

std::size_t StepTimeline::spans() const {
  std::size_t count = 0;
  for (const TimelineRow& row : rows) count += row.spans.size();
  return count;
}

StepTimeline with_fewer_spans(StepTimeline timeline, std::size_t most) {
  double cells = kCells;
  while (timeline.spans() > std::max(most, 2 * timeline.rows.size()) && cells >= 2) {
    cells /= 2;
    for (TimelineRow& row : timeline.rows) {
      RowMerger merged(timeline.step_ms / cells);
      for (TimelineSpan& span : row.spans) merged.add(std::move(span));
      row.spans = merged.take();
    }
  }
  return timeline;
}

std::optional<StepTimeline> step_timeline(const Trace& trace, std::size_t most_spans) {
  const FoundSteps found = find_steps(trace);
  if (!found.window) return std::nullopt;
  const std::optional<Step> step = median_step(*found.window);
  if (!step) return std::nullopt;
  return with_fewer_spans(TimelineReader(trace, *found.window, *step).read(), most_spans);
}

}  // namespace wring
