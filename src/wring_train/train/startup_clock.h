#pragma once
#include <string>
#include <utility>
#include <vector>

#include "wring/base/text.h"

namespace wring {

// Where the time from the start of the process to the first training step goes.
class StartupClock {
 public:
  // Begins with the process itself (its start time from /proc/self/stat, in hundredths of a second): what passed so
  // far, loading the program and its libraries, becomes the first part. exec() keeps the start time, so `wring train`
  // counts from when the user started it.
  StartupClock();

  // Adds a part that took `seconds`. Parts may have run side by side.
  void add(Text name, double seconds);

  double since_start_s() const;
  // "first step after 1.8 s: load 0.4, data 0.2, engine 1.1"
  Text summary() const;

 private:
  double started_s_;  // on the clock that counts from boot
  std::vector<std::pair<Text, double>> parts_;
};

}  // namespace wring
