#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "wring_train/dist/ranks.h"
#include "wring_train/engine/step_engine.h"
#include "wring_train/train/run_state.h"
#include "wring_train/train/stop_signal.h"

// What the ranks of a run tell each other between steps.
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

// Gives every rank rank 0's engine state and progress, so that only rank 0 has to read the checkpoint.
void share_state(Ranks& ranks, StepEngine& engine, Progress& progress);

// Every rank must hold the same bits of every parameter, average and moment: only gradients are exchanged. Compares a
// hash of them. Throws Error{failed} that names the ranks that differ from rank 0.
void check_equal_state(Ranks& ranks, const StepEngine& engine);

// What the ranks measured since the last line of the metrics, put together. They go in step, so the one that waits most
// for its data holds up all of them.
struct RankTimes {
  double data_wait_share = 0;  // of the slowest rank's time
  double peak_memory_mib = 0;  // of the fullest GPU
  int ranks = 1;
  int slowest = 0;              // the rank that waits most for its data
  double least_wait_share = 0;  // of the rank that waits least

  // ranks, slowest_rank and data_wait_spread; none for one rank.
  std::vector<std::pair<std::string, double>> metrics() const;
};

struct OwnTimes {
  double data_wait_share = 0;
  double peak_memory_mib = 0;
};

RankTimes compare_ranks(Ranks& ranks, const OwnTimes& own);

}  // namespace wring
