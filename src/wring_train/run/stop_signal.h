#pragma once

namespace wring {

// Turns SIGINT and SIGTERM into a request that the training loop answers after the step it is in. A second SIGINT
// ends the process at once, as users expect of an impatient Ctrl-C.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool requested() const;
};

}  // namespace wring
