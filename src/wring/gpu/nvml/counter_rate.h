#pragma once
#include <cstdint>
#include <optional>

#include "wring/gpu/reading.h"

namespace wring {

// Turns a counter that only grows, and may wrap around, into a rate per second.
class CounterRate {
 public:
  // `scale`: what one step of the counter is worth. `most_per_s`: in that unit, the fastest that the counted thing can
  // be; a step back is a wrap when that explains it, and otherwise a restart of the counter.
  CounterRate(double scale, double most_per_s) : scale_(scale), most_per_s_(most_per_s) {}

  // The rate since the previous call; no_data for the first one, after a restart, and where no time has passed.
  Reading next(double time_s, std::uint64_t count);

  // Begins anew: the next call gives no rate.
  void forget() { previous_.reset(); }

 private:
  struct Point {
    double time_s;
    std::uint64_t count;
  };
  double scale_;
  double most_per_s_;
  std::optional<Point> previous_;
};

}  // namespace wring
