#include "wring/trace/replay.h"

#include <algorithm>
#include <numeric>

namespace wring {
namespace {

// What each event adds to the time in which the device is busy; by event.
std::vector<double> added_times(const Trace& trace, const StepWindow& window) {
  std::vector<std::size_t> order(window.events.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return window.events[i].device; });
  std::vector<double> added(order.size());
  std::int64_t busy_until_ns = 0;
  for (const std::size_t i : order) {
    const DeviceEvent& event = trace.device[window.events[i].device];
    added[i] = static_cast<double>(std::max<std::int64_t>(0, event.end_ns - std::max(event.begin_ns, busy_until_ns)));
    busy_until_ns = std::max(busy_until_ns, event.end_ns);
  }
  return added;
}

double median_or_zero(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

// How long work takes to begin: after its call where the device was idle, after the work before where it waited.
void measure_delays(const Trace& trace, const StepWindow& window, Model& model) {
  std::vector<std::size_t> order(window.events.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return window.events[i].device; });
  // Longer ones are no delays: the call itself took long, or a stream waits for another.
  constexpr std::int64_t kLongestLatencyNs = 10'000;
  constexpr std::int64_t kLongestGapNs = 50'000;
  std::vector<double> latencies;
  double gaps_ns = 0;
  std::size_t queued = 0;
  std::int64_t busy_until_ns = 0;
  for (const std::size_t i : order) {
    const StepEvent& event = window.events[i];
    const DeviceEvent& work = trace.device[event.device];
    if (event.launch != kNoLaunch && busy_until_ns > 0) {
      const std::int64_t called_ns = trace.host[event.launch].end_ns;
      if (busy_until_ns <= event.launched_ns) {
        latencies.push_back(
            static_cast<double>(std::clamp<std::int64_t>(work.begin_ns - event.launched_ns, 0, kLongestLatencyNs)));
      } else if (called_ns <= busy_until_ns) {
        gaps_ns += static_cast<double>(std::clamp<std::int64_t>(work.begin_ns - busy_until_ns, 0, kLongestGapNs));
        ++queued;
      }
    }
    busy_until_ns = std::max(busy_until_ns, work.end_ns);
  }
  model.latency_ns = median_or_zero(std::move(latencies));
  model.gap_ns = queued == 0 ? 0 : gaps_ns / static_cast<double>(queued);
}

// The host's clock, and until when the device has work.
class Clocks {
 public:
  Clocks(const Model& model, const Conditions& conditions)
      : model_(model), conditions_(conditions), ends_(model.device_ns.size()) {}

  void round() {
    idle_.fill(0);
    for (const HostItem& item : model_.host) {
      switch (item.kind) {
        case HostItem::Kind::work:
          work(item);
          break;
        case HostItem::Kind::launch:
          launch(item.event);
          break;
        case HostItem::Kind::block:
          block(item);
          break;
      }
    }
    pass(conditions_.more_wait_ns * model_.steps, HostState::loader);
  }

  double now() const { return std::max(host_, device_); }
  const std::array<double, kHostStates>& idle() const { return idle_; }

 private:
  void count(double ns, HostState state) { idle_[static_cast<std::size_t>(state)] += ns; }

  void pass(double ns, HostState state) {
    count(std::max(0.0, host_ + ns - std::max(host_, device_)), state);
    host_ += ns;
  }

  // Whether it is to be left out.
  bool is_gone(const HostItem& item) const {
    return (item.state == HostState::copy && !conditions_.copies) ||
           (item.state == HostState::sync && !conditions_.syncs);
  }

  void work(const HostItem& item) {
    if (is_gone(item)) return;
    pass(item.ns * (item.state == HostState::loader ? conditions_.loader_scale : conditions_.host_scale), item.state);
  }

  void launch(std::size_t event) {
    const double gap = conditions_.host_scale * model_.gap_ns;
    const double begin = std::max(host_ + conditions_.host_scale * model_.latency_ns, device_ + gap);
    count(begin - now(), HostState::launching);
    device_ = begin + model_.device_ns[event];
    ends_[event] = device_;
  }

  void block(const HostItem& item) {
    if (is_gone(item)) return;
    if (item.until) host_ = std::max(host_, ends_[*item.until]);
    pass(item.ns * conditions_.host_scale, item.state);
  }

  const Model& model_;
  const Conditions& conditions_;
  std::vector<double> ends_;
  std::array<double, kHostStates> idle_{};
  double host_ = 0;
  double device_ = 0;
};

}  // namespace

Model make_model(const Trace& trace, const StepWindow& window) {
  Model model;
  model.steps = window.steps;
  model.host = host_timeline(trace, window);
  model.device_ns = added_times(trace, window);
  measure_delays(trace, window, model);
  return model;
}

double Replayed::host_idle() const {
  return std::accumulate(idle_ns.begin(), idle_ns.end(), 0.0) - idle(HostState::loader);
}

Replayed replay(const Model& model, const Conditions& conditions) {
  Clocks clocks(model, conditions);
  clocks.round();  // the host gets as far ahead as it can
  const double begin = clocks.now();
  clocks.round();
  Replayed result;
  result.step_ns = (clocks.now() - begin) / model.steps;
  for (std::size_t i = 0; i < kHostStates; ++i) result.idle_ns[i] = clocks.idle()[i] / model.steps;
  return result;
}

}  // namespace wring
