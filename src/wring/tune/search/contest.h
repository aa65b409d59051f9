#pragma once
#include <cstdint>
#include <vector>

#include "wring/base/text.h"
#include "wring/tune/search/types.h"
#include "wring/tune/statistics.h"

namespace wring {

// What is there wins over everything that gains no more than this: a change has to be worth its while.
inline constexpr double kWorthAChange = 0.03;
// From here on the rates of one configuration differ too much for a comparison: something else uses the machine.
inline constexpr double kDisturbed = 0.25;
// Two runs of one program on one idle machine differ by about this much, however long each is.
inline constexpr double kLeastNoise = 0.005;

// Two configurations whose rates were measured in turns. Pure.
struct Contest {
  std::vector<double> before;  // samples/s, in the order measured: of what is there
  std::vector<double> after;   // and of what may replace it
  // What is known of the machine's noise beyond these rates: relative, and from how many repeats. 0: nothing.
  double noise = 0;
  std::size_t repeats = 0;
  // So many trials of each side are the least: with one of each there is nothing to tell noise from gain by.
  std::size_t least = 2;

  RatioInterval ratio() const;  // of the medians
  double gain() const { return ratio().ratio - 1; }
  double spread() const;  // the larger one of the two sides', as spread_of()
  bool disturbed() const { return spread() > kDisturbed; }
  bool in_turns() const { return before.size() >= least && after.size() >= least; }
  // The change is worth its while, and beyond the noise.
  bool won() const;
  // No more rounds are needed: the gain lies clearly above or clearly below what is worth a change.
  bool settled() const;
};

struct ContestOptions {
  std::int64_t before_batch = 0;  // for the record
  std::int64_t after_batch = 0;
  TrialRole role = TrialRole::confirm;
  TrialMeasure measure{};
  double budget_s = 60;  // no trial is running after it
  int max_rounds = 5;
};

struct ContestResult {
  Contest rates;
  std::vector<SearchTrial> trials;
  Text failed;             // how a side failed; empty where both ran
  bool cut_short = false;  // its time ended before it was settled
  bool cancelled = false;
};

// Trials of both in turns (before after, after before, …), each measured anew, until settled, until a side fails, or
// until the time ends. What the runner throws passes through.
ContestResult run_contest(TrialRunner& runner, const std::vector<Assignment>& before,
                          const std::vector<Assignment>& after, const ContestOptions& options,
                          const SearchControl& control = {});

}  // namespace wring
