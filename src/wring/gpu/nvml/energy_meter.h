#pragma once
#include <algorithm>

#include "wring/gpu/nvml/pace.h"
#include "wring/gpu/reading.h"

namespace wring {

// The energy counter keeps a core busy for 3 ms a call (docs/metrics.md), so it is read every five ticks, between two
// and five seconds, and carried on by the power in between. It never runs backwards while the counter does not.
class EnergyMeter {
 public:
  // read_counter() → Reading in joules.
  template <typename ReadCounter>
  Reading next(double now_s, const Reading& power_w, ReadCounter read_counter) {
    if (pace_.due(now_s) || !counter_.ok()) {
      const double before_j = counter_.ok() ? counter_.value : 0;
      counter_ = read_counter();
      if (!counter_.ok()) return counter_;
      if (counter_.value < before_j) told_j_ = 0;  // the driver was loaded anew
      joules_ = counter_.value;
    } else if (power_w.ok()) {
      joules_ += power_w.value * (now_s - last_s_);
    }
    last_s_ = now_s;
    told_j_ = std::max(told_j_, joules_);
    return Reading::of(told_j_);
  }

 private:
  Pace pace_{5, 2, 5};
  Reading counter_;
  double joules_ = 0;  // the counter, carried on
  double told_j_ = 0;  // the most that was told
  double last_s_ = 0;
};

}  // namespace wring
