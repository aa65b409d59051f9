#pragma once
#include <chrono>
#include <cstdint>

#include "wring_train/dist/ranks.h"
#include "wring_train/run/stop_signal.h"

namespace wring {

// Whether to stop after a step, the same answer on every rank: a signal reaches the ranks at different steps, and a
// rank that stopped by itself would leave the others waiting. They ask each other about four times a second, however
// long a step is.
class StopVote {
 public:
  StopVote(const StopSignal& stop, Ranks& ranks) : stop_(stop), ranks_(ranks) {}

  // To be asked after every step, whose number rises by one.
  bool stop_after(std::int64_t step);

 private:
  const StopSignal& stop_;
  Ranks& ranks_;
  std::int64_t asked_at_ = -1;
  std::int64_t next_ = 0;
  std::chrono::steady_clock::time_point asked_when_;
};

}  // namespace wring
