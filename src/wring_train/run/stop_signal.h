#pragma once
#include <vector>

namespace wring {

// Turns kStopSignals into a request that the training loop answers after the step it is in. A second SIGINT, kOneStop
// or more later, ends the process at once, as users expect of an impatient Ctrl-C. What the parent had the program
// ignore, as nohup does with SIGHUP, stays ignored, save SIGINT and SIGTERM.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool requested() const;

 private:
  std::vector<int> taken_;
};

}  // namespace wring
