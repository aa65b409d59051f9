#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wring/base/text.h"
#include "wring/findings/finding.h"
#include "wring/telemetry/tick.h"

namespace wring::live {

// Whether somebody can look at a live view and type: standard input and output are a terminal that can be painted
// (TERM), and this process is in its foreground. In the background, taking the terminal would stop the process.
bool live_view_possible();

struct LiveViewOptions {
  Language language = Language::en;
  bool color = true;
  bool utf8 = true;
  std::optional<double> duration_s;  // after which the monitor ends; for the time that is left

  // Of the telemetry that the ticks come from.
  std::vector<Gpu> gpus;
  GpuSource source = GpuSource::nvml;
  std::vector<GpuProblem> problems;
  std::string driver_version;

  // What keys do, called from the view's thread. quit: q was typed, or the terminal is gone. set_interval: absent
  // where it cannot be changed.
  std::function<void()> quit;
  std::function<void(double seconds)> set_interval;

  // The verdicts so far, by card, most certain first; called from on_tick() every few seconds.
  std::function<std::vector<std::vector<Finding>>()> verdicts;
};

// Shows ticks on the terminal and listens to keys, from a thread of its own: a slow terminal never holds the sampler
// up. The terminal is given back by the destructor, on Ctrl-Z until the process goes on, and where the process dies
// (see terminal_guard.h). Nothing else may write to the terminal meanwhile.
class LiveView : public TickSink {
 public:
  // Null where the terminal or this build cannot show one.
  static std::unique_ptr<LiveView> open(LiveViewOptions options);

  ~LiveView() override;
  void on_tick(const Tick& tick) override;

 private:
  struct State;
  explicit LiveView(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace wring::live
