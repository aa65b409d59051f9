#pragma once

namespace wring {

// Turns SIGINT, SIGTERM and SIGHUP (a closed terminal) into a request that the training loop answers after the step it
// is in. A second SIGINT, kOneStop or more later, ends the process at once, as users expect of an impatient Ctrl-C. A
// SIGHUP that nohup had the program ignore stays ignored.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool requested() const;

 private:
  bool hangup_;  // whether SIGHUP is ours
};

}  // namespace wring
