#pragma once
#include <algorithm>
#include <optional>

namespace wring {

// Decides at which ticks a call that is dear for the driver is made: every `ticks` ticks, but neither more often than
// every `least_s` nor more rarely than every `most_s` seconds.
class Pace {
 public:
  Pace(double ticks, double least_s, double most_s) : ticks_(ticks), least_s_(least_s), most_s_(most_s) {}

  // Asked once a tick; true means that the call is made now.
  bool due(double now_s) {
    const double tick_s = last_tick_s_ ? now_s - *last_tick_s_ : 0;
    last_tick_s_ = now_s;
    // The nearest tick: one that comes a little early counts.
    if (done_s_ && now_s - *done_s_ < std::clamp(ticks_ * tick_s, least_s_, most_s_) - tick_s / 2) return false;
    done_s_ = now_s;
    return true;
  }

 private:
  double ticks_, least_s_, most_s_;
  std::optional<double> last_tick_s_;
  std::optional<double> done_s_;
};

}  // namespace wring
