#pragma once
#include <chrono>

#include "wring_train/dist/ranks.h"
#include "wring_train/train/stop_signal.h"

namespace wring {

// Whether a signal asked one of the ranks to stop, while each of them does its own share of something long, such as a
// validation. A rank that stopped by itself would leave the others waiting, so they ask each other twice a second; one
// that has finished its share goes on answering.
class SharedStop {
 public:
  SharedStop(const StopSignal& stop, Ranks& ranks) : stop_(stop), ranks_(ranks) {}

  // To be asked often during the share. Where it is true all ranks hear so, and all must give up.
  bool requested();
  // After the share: waits for the other ranks. False where all must give up.
  bool all_finished();

 private:
  struct Answer {
    bool stop = false;
    bool finished = false;  // all ranks; nobody has to stop then
  };
  Answer ask(bool finished);

  const StopSignal& stop_;
  Ranks& ranks_;
  std::chrono::steady_clock::time_point asked_ = std::chrono::steady_clock::now();
};

}  // namespace wring
