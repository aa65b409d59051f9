#pragma once
#include <string>
#include <utility>
#include <vector>

#include "wring_train/dist/ranks.h"

namespace wring {

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
