#include "wring/trace/host_timeline.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "wring/trace/cuda_calls.h"
#include "wring/trace/intervals.h"
#include "wring/trace/program_parts.h"

namespace wring {
namespace {

class TimelineBuilder {
 public:
  TimelineBuilder(const Trace& trace, const StepWindow& window)
      : trace_(trace),
        window_(window),
        loader_(loader_waits(trace, window)),
        optimizer_(optimizer_steps(trace, window)),
        quiet_(quiet_stretches()),
        device_(device_work()) {
    find_blocking_operators();
  }

  std::vector<HostItem> build() {
    find_changes();
    const std::vector<Block> blocks = find_blocks();
    auto block = blocks.begin();
    at_ns_ = window_.begin_ns;
    for (std::size_t i = 0; i < window_.events.size(); ++i) {
      // A copy that holds the host up is launched by the call itself, so first.
      for (; block != blocks.end() && block->begin_ns < window_.events[i].launched_ns; ++block) add(*block);
      work_until(window_.events[i].launched_ns);
      items_.push_back({HostItem::Kind::launch, HostState::launching, 0, i, std::nullopt});
    }
    for (; block != blocks.end(); ++block) add(*block);
    work_until(window_.end_ns);
    return std::move(items_);
  }

 private:
  struct Block {
    std::int64_t begin_ns;
    std::int64_t end_ns;
    HostState state;
    bool only_waits;  // the queue of the device was full
  };

  Cover quiet_stretches() const {
    constexpr std::int64_t kLongNs = 1'000'000;
    std::vector<Interval> heard;
    for (const HostEvent& event : trace_.host) {
      if (event.kind == HostKind::annotation || !window_.threads.contains(event.thread)) continue;
      heard.push_back({event.begin_ns, std::max(event.end_ns, event.begin_ns + 1)});
    }
    heard.push_back({window_.end_ns, window_.end_ns + 1});
    std::vector<Interval> quiet;
    std::int64_t end_ns = window_.begin_ns;
    const Cover noise(std::move(heard));
    for (const Interval& part : noise.parts()) {
      if (part.begin_ns - end_ns >= kLongNs) quiet.push_back({end_ns, part.begin_ns});
      end_ns = std::max(end_ns, part.end_ns);
    }
    return Cover(std::move(quiet));
  }

  Cover device_work() const {
    std::vector<Interval> work;
    for (const DeviceEvent& event : trace_.device) work.push_back({event.begin_ns, event.end_ns});
    return Cover(std::move(work));
  }

  // The outermost operators with a call that holds the host up: without it there would be no reason for them.
  void find_blocking_operators() {
    const BlockingCalls blocking(trace_, window_);
    std::vector<Interval> syncs;
    std::vector<Interval> copies;
    std::map<std::int64_t, const HostEvent*> open;  // by thread
    for (const HostEvent& event : trace_.host) {
      const HostEvent*& outermost = open[event.thread];
      if (outermost != nullptr && outermost->end_ns <= event.begin_ns) outermost = nullptr;
      if (event.kind == HostKind::op) {
        if (outermost == nullptr && trace_.name_of(event).starts_with("aten::")) outermost = &event;
      } else if (outermost != nullptr && window_.threads.contains(event.thread)) {
        const Blocking kind = blocking.of(event);
        if (kind == Blocking::no) continue;
        (kind == Blocking::copy ? copies : syncs).push_back({outermost->begin_ns, outermost->end_ns});
      }
    }
    syncs_ = Cover(std::move(syncs));
    copies_ = Cover(std::move(copies));
  }

  HostState state_at(std::int64_t at_ns) const {
    if (loader_.contains(at_ns)) return HostState::loader;
    if (copies_.contains(at_ns)) return HostState::copy;
    if (syncs_.contains(at_ns)) return HostState::sync;
    if (optimizer_.contains(at_ns)) return HostState::optimizer;
    return quiet_.contains(at_ns) ? HostState::elsewhere : HostState::launching;
  }

  // Where the state may change.
  void find_changes() {
    for (const Cover* cover : {&loader_, &copies_, &syncs_, &optimizer_, &quiet_}) {
      for (const Interval& part : cover->parts()) {
        changes_.push_back(part.begin_ns);
        changes_.push_back(part.end_ns);
      }
    }
    std::ranges::sort(changes_);
  }

  // In order, none within another.
  std::vector<Block> find_blocks() const {
    const BlockingCalls blocking(trace_, window_);
    std::vector<Block> blocks;
    const auto add = [&](const HostEvent& call, HostState state, bool only_waits) {
      const std::int64_t before_ns = blocks.empty() ? window_.begin_ns : blocks.back().end_ns;
      const Block block{std::max(call.begin_ns, before_ns), std::min(call.end_ns, window_.end_ns), state, only_waits};
      if (block.begin_ns < block.end_ns) blocks.push_back(block);
    };
    const std::set<const HostEvent*> full = calls_at_a_full_queue();
    for (const HostEvent& call : trace_.host) {
      if (!window_.contains(call) || call.kind != HostKind::call || !window_.threads.contains(call.thread)) continue;
      if (state_at(call.begin_ns) == HostState::loader) continue;  // part of the wait for a batch
      const Blocking kind = blocking.of(call);
      if (kind == Blocking::no) {
        if (full.contains(&call)) add(call, HostState::sync, true);
      } else {
        add(call, kind == Blocking::copy ? HostState::copy : HostState::sync, false);
      }
    }
    return blocks;
  }

  // Launches that took long because CUDA's queue, of about a thousand, was full: the host is far ahead of the device.
  std::set<const HostEvent*> calls_at_a_full_queue() const {
    constexpr std::size_t kDeep = 500;
    constexpr std::int64_t kLongNs = 100'000;
    std::map<std::size_t, std::int64_t> done;  // when all that a call launched had ended, by the call
    for (const StepEvent& event : window_.events) {
      if (event.launch == kNoLaunch) continue;
      std::int64_t& end_ns = done[event.launch];
      end_ns = std::max(end_ns, trace_.device[event.device].end_ns);
    }
    std::vector<std::int64_t> ends;
    for (const auto& [call, end_ns] : done) ends.push_back(end_ns);
    std::ranges::sort(ends);
    std::set<const HostEvent*> calls;
    std::size_t launched = 0;
    for (const auto& [number, end_ns] : done) {
      const HostEvent& call = trace_.host[number];
      const auto ended = static_cast<std::size_t>(std::ranges::upper_bound(ends, call.begin_ns) - ends.begin());
      if (call.end_ns - call.begin_ns >= kLongNs && launched >= ended + kDeep) calls.insert(&call);
      ++launched;
    }
    return calls;
  }

  void work_until(std::int64_t end_ns) {
    while (at_ns_ < end_ns) {
      const auto change = std::ranges::upper_bound(changes_, at_ns_);
      const std::int64_t next_ns = change == changes_.end() ? end_ns : std::min(*change, end_ns);
      items_.push_back(
          {HostItem::Kind::work, state_at(at_ns_), static_cast<double>(next_ns - at_ns_), 0, std::nullopt});
      at_ns_ = next_ns;
    }
  }

  void add(const Block& block) {
    work_until(block.begin_ns);
    at_ns_ = std::max(at_ns_, block.end_ns);
    if (block.only_waits) return;
    const std::optional<std::size_t> until = awaited(block);
    items_.push_back({HostItem::Kind::block, block.state, static_cast<double>(own_ns(block, until)), 0, until});
  }

  // What a call takes beside waiting for the device: the end, and of a copy what the host does before the device can
  // begin. Other gaps are the delays of what was launched before.
  std::int64_t own_ns(const Block& block, std::optional<std::size_t> until) const {
    const Interval busy = device_.span_within(block.begin_ns, block.end_ns);
    if (busy.begin_ns == busy.end_ns) return block.end_ns - block.begin_ns;
    const std::int64_t last_ns = block.end_ns - busy.end_ns;
    if (block.state != HostState::copy || !until) return last_ns;
    const std::int64_t copied_ns =
        std::clamp(trace_.device[window_.events[*until].device].begin_ns, block.begin_ns, block.end_ns);
    const Interval before = device_.span_within(block.begin_ns, copied_ns);
    return last_ns + copied_ns - (before.begin_ns == before.end_ns ? block.begin_ns : before.end_ns);
  }

  // The last event launched before the call that had ended when it returned.
  std::optional<std::size_t> awaited(const Block& block) const {
    constexpr std::int64_t kClocksApartNs = 5'000;  // the host's clock and the device's
    const auto after = std::ranges::upper_bound(window_.events, block.begin_ns, {}, &StepEvent::launched_ns);
    for (auto event = after; event != window_.events.begin();) {
      --event;
      if (trace_.device[event->device].end_ns <= block.end_ns + kClocksApartNs) {
        return static_cast<std::size_t>(event - window_.events.begin());
      }
    }
    return std::nullopt;
  }

  const Trace& trace_;
  const StepWindow& window_;
  Cover loader_;
  Cover optimizer_;
  Cover quiet_;
  Cover device_;
  Cover syncs_{{}};
  Cover copies_{{}};
  std::vector<std::int64_t> changes_;
  std::vector<HostItem> items_;
  std::int64_t at_ns_ = 0;
};

}  // namespace

std::vector<HostItem> host_timeline(const Trace& trace, const StepWindow& window) {
  return TimelineBuilder(trace, window).build();
}

}  // namespace wring
