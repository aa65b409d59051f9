#pragma once
// What the tests of the batch search share: a search on a simulated card, and how good its choice was.
#include <algorithm>

#include <gtest/gtest.h>

#include "unit/tune/search/simulated_gpu.h"
#include "wring/tune/search/batch_search.h"

namespace wring {

inline BatchSearchResult search(SimulatedGpu& gpu, const BatchSearchOptions& options = {}) {
  return search_batch(gpu, options, gpu.control());
}

inline bool ran(const BatchSearchResult& result, std::int64_t batch) {
  return std::ranges::any_of(result.trials, [&](const SearchTrial& trial) {
    return trial.batch == batch && trial.result.outcome == TrialOutcome::ok;
  });
}

inline int count(const BatchSearchResult& result, TrialRole role) {
  return static_cast<int>(std::ranges::count(result.trials, role, &SearchTrial::role));
}

// The best rate among 1, 2, 4 and the multiples of 8 that leave the reserve.
inline double exhaustive_best(const SimulatedCard& card, std::int64_t reserve_mib, std::int64_t most) {
  double best = 0;
  const double room = static_cast<double>(card.capacity_mib - reserve_mib);
  const auto look = [&](std::int64_t batch) {
    if (batch <= most && card.runs(batch) && card.peak_mib(batch) <= room) best = std::max(best, card.rate(batch));
  };
  for (const std::int64_t batch : {1, 2, 4}) look(batch);
  for (std::int64_t batch = 8; batch <= most; batch += 8) look(batch);
  return best;
}

inline void expect_within(double epsilon, const BatchSearchResult& result, const SimulatedCard& card,
                          const BatchSearchOptions& options = {}) {
  ASSERT_TRUE(result.batch) << result.reason.en;
  EXPECT_TRUE(ran(result, *result.batch));
  const double best = exhaustive_best(card, result.reserve_mib.value_or(0), options.max_batch);
  EXPECT_GE(card.rate(*result.batch), (1 - epsilon) * best) << "batch " << *result.batch;
}

}  // namespace wring
