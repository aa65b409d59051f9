#pragma once
#include <vector>

namespace wring {

// Whether a StopSignal of this process has been asked for a stop.
bool stop_requested();

// Turns kStopSignals into a request that is answered after the step, or the tile of an image, that is under way. A
// second SIGINT, kOneStop or more later, ends the process at once, as users expect of an impatient Ctrl-C. What the
// parent had the program ignore, as nohup does with SIGHUP, stays ignored, save SIGINT and SIGTERM.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool requested() const;

  // Throws Error{interrupted} once it is.
  void end_if_requested() const;

 private:
  struct Taken {
    int signal;
    void (*before)(int);
  };
  std::vector<Taken> taken_;
};

}  // namespace wring
