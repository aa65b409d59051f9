#include "wring/tune/batch_search.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/tune/simulated_gpu.h"
#include "wring/base/error.h"

namespace wring {
namespace {

using testing::HasSubstr;

BatchSearchResult search(SimulatedGpu& gpu, const BatchSearchOptions& options = {}) {
  return search_batch(gpu, options, gpu.control());
}

bool was_run(const BatchSearchResult& result, std::int64_t batch) {
  return std::ranges::any_of(result.trials, [&](const SearchTrial& trial) {
    return trial.batch == batch && trial.result.outcome == TrialOutcome::ok;
  });
}

// The best rate among the multiples of 8 (and 1, 2, 4) that leave the reserve.
double exhaustive_best(const SimulatedCard& card, std::int64_t reserve_mib, std::int64_t most) {
  double best = 0;
  for (std::int64_t batch = 1; batch <= most; batch += batch < 8 ? (batch == 1 ? 1 : batch == 2 ? 2 : 4) : 8) {
    const double room = static_cast<double>(card.capacity_mib - reserve_mib);
    if (card.runs(batch) && card.peak_mib(batch) <= room) best = std::max(best, card.rate(batch));
  }
  return best;
}

void expect_within_epsilon(const BatchSearchResult& result, const SimulatedCard& card,
                           const BatchSearchOptions& options) {
  ASSERT_TRUE(result.batch) << result.reason.en;
  EXPECT_TRUE(was_run(result, *result.batch));
  const double best = exhaustive_best(card, result.reserve_mib.value_or(0), options.max_batch);
  EXPECT_GE(card.rate(*result.batch), (1 - options.epsilon) * best) << "batch " << *result.batch;
}

TEST(BatchSearch, ChoosesTheKneeAndNotTheLargestThatFits) {
  SimulatedGpu gpu({});  // 97 % of the asymptotic rate at 32 · 4/0.05 = 2587; 1100 fit
  const BatchSearchResult result = search(gpu);
  expect_within_epsilon(result, gpu.card(), {});
  EXPECT_LT(*result.batch, 1000);
  EXPECT_TRUE(result.soaked);
  EXPECT_GE(result.soak_steps, 50);
}

}  // namespace
}  // namespace wring
