#pragma once
#include <chrono>
#include <cstdint>

#include "wring_train/dist/ranks.h"
#include "wring_train/train/stop_signal.h"

namespace wring {

// What to do after a step, the same on every rank: a signal reaches the ranks at different steps, and so does the word
// that steps were skipped. A rank that acted by itself would leave the others waiting. They ask each other about four
// times a second, however long a step is.
class StepVote {
 public:
  struct Outcome {
    bool stop = false;      // a signal asked one of the ranks
    bool unstable = false;  // one of them has seen too many unstable steps
  };

  StepVote(const StopSignal& stop, Ranks& ranks) : stop_(stop), ranks_(ranks) {}

  // To be asked after every step, whose number rises by one, or goes back on every rank alike.
  Outcome after(std::int64_t step, bool unstable);

 private:
  const StopSignal& stop_;
  Ranks& ranks_;
  std::int64_t asked_at_ = -1;
  std::int64_t next_ = 0;
  std::chrono::steady_clock::time_point asked_when_;
};

}  // namespace wring
