// Sizes that fail, hang, are killed or run only just: what the search makes of them.
#include <algorithm>
#include <cmath>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/tune/search/batch_search_fixture.h"
#include "wring/base/error.h"

namespace wring {
namespace {

using testing::HasSubstr;

TEST(BatchSearch, PassesOverASizeThatFailsWhileLargerOnesFit) {
  SimulatedCard card;
  card.sample_ms = 0.05;
  card.fails[16] = TrialOutcome::oom;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu);
  expect_within(0.03, result, card);
  EXPECT_GT(*result.batch, 16);
  ASSERT_FALSE(result.notes.empty());
  EXPECT_THAT(result.notes.front().en, HasSubstr("batch 16 does not fit although larger ones do"));
}

TEST(BatchSearch, SeesMemoryThatGrowsInSteps) {
  SimulatedCard card;
  card.sample_ms = 0.02;
  card.granule_mib = 128;
  card.workspace_mib = 700;
  card.workspace_from = 96;
  card.capacity_mib = 9000;
  for (unsigned seed = 1; seed <= 10; ++seed) {
    SimulatedGpu gpu(card, seed);
    const BatchSearchResult result = search(gpu);
    ASSERT_TRUE(result.batch);
    EXPECT_LE(card.peak_mib(*result.batch), static_cast<double>(card.capacity_mib));
    EXPECT_GE(card.rate(*result.batch), 0.9 * exhaustive_best(card, *result.reserve_mib, 8192)) << seed;
  }
}

TEST(BatchSearch, DoesNotTakeASizeWhoseRateFallsNearTheLimit) {
  SimulatedCard card;
  card.sample_ms = 0.02;
  card.capacity_mib = 9000;
  card.slow_above = 0.9;  // from batch 360 on
  card.slow_factor = 2;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu);
  ASSERT_TRUE(result.batch);
  EXPECT_LE(card.peak_mib(*result.batch), 0.9 * 9000);
  EXPECT_GE(card.rate(*result.batch), 0.93 * card.rate(360));
  EXPECT_TRUE(std::ranges::any_of(result.trials, [](const SearchTrial& trial) { return trial.fit == Fit::collapses; }));
}

TEST(BatchSearch, CountsASizeThatRetriesAllocationsAsNotFitting) {
  SimulatedCard card;
  card.sample_ms = 0.002;
  card.capacity_mib = 9000;
  card.retries_above = 0.8;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu);
  ASSERT_TRUE(result.batch);
  EXPECT_LE(card.peak_mib(*result.batch), 0.8 * 9000);
  ASSERT_TRUE(result.next_failed);
  EXPECT_EQ(result.next_failed->fit, Fit::retries);
  EXPECT_THAT(result.next_failed->how.en, HasSubstr("giving memory back"));
}

TEST(BatchSearch, DoesNotTakeASizeThatRunsAndLeavesLessThanTheReserve) {
  SimulatedCard card;
  card.sample_ms = 0.001;
  card.capacity_mib = 2600;
  card.workspace_mib = 300;  // which the smaller sizes foretell nothing of: 32 takes 1840 in place of 1540
  card.workspace_from = 32;
  BatchSearchOptions options;
  options.min_reserve_mib = 1000;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu, options);
  ASSERT_TRUE(result.batch);
  EXPECT_LT(*result.batch, 32);
  EXPECT_GE(*result.headroom_mib, 1000);
  const auto largest = std::ranges::find(result.trials, 32, &SearchTrial::batch);
  ASSERT_NE(largest, result.trials.end());
  EXPECT_EQ(largest->fit, Fit::no_room);
  EXPECT_THAT(largest->note.en, HasSubstr("leaves 760 MiB, the reserve is"));
}

// The config's own 64 take 2180 MiB and do not run; a validation takes 900 beside a step.
TEST(BatchSearch, ChoosesNothingWhereTheSoakShowsThatAValidationLeavesRoomForNone) {
  SimulatedCard card;
  card.launch_ms = 0.05;
  card.sample_ms = 1;  // a larger batch gains nothing, so that no jump asks what a validation takes
  card.capacity_mib = 2000;
  card.validation_mib = 900;
  BatchSearchOptions options;
  options.start_batch = 64;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu, options);
  EXPECT_EQ(count(result, TrialRole::soak), 1);
  EXPECT_FALSE(result.batch);
  EXPECT_THAT(result.reason.en, HasSubstr("the reserve is 11"));
}

TEST(BatchSearch, ReportsThatNotEvenOneFits) {
  SimulatedCard card;
  card.capacity_mib = 500;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu);
  EXPECT_FALSE(result.batch);
  EXPECT_THAT(result.reason.en, HasSubstr("Not even batch 1 fits: out of memory: CUDA out of memory"));
  EXPECT_THAT(result.reason.zh, HasSubstr("即使 batch 为 1 也不可行"));
  EXPECT_EQ(result.chosen_trial(), nullptr);
  EXPECT_LE(result.trials.size(), 5U);
}

TEST(BatchSearch, RecoversFromAConfigThatIsFarTooLarge) {
  SimulatedCard card;
  card.capacity_mib = 2000;  // 42 fit
  card.sample_ms = 0.02;
  BatchSearchOptions options;
  options.start_batch = 4096;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu, options);
  expect_within(0.03, result, card);
  EXPECT_TRUE(result.soaked);
}

TEST(BatchSearch, LeavesASizeThatHangsAloneAndKeepsItsMessage) {
  SimulatedCard card;
  card.sample_ms = 0.1;
  card.timeout_s = 6;
  card.fails[32] = TrialOutcome::hang;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu);
  ASSERT_TRUE(result.batch);
  EXPECT_EQ(
      std::ranges::count_if(gpu.asked(), [](const auto& request) { return value_of(request, "batch_size") == "32"; }),
      1);
  const auto hung = std::ranges::find(result.trials, 32, &SearchTrial::batch);
  EXPECT_THAT(hung->note.en, HasSubstr("no event for 20 s"));
}

TEST(BatchSearch, GivesUpOnAProgramThatHangsWhateverTheBatchIs) {
  SimulatedCard card;
  for (const std::int64_t batch : {1, 2, 4, 8, 16, 32}) card.fails[batch] = TrialOutcome::hang;
  SimulatedGpu gpu(card);
  BatchSearchOptions options;
  options.budget_s = 1000;
  const BatchSearchResult result = search(gpu, options);
  EXPECT_FALSE(result.batch);
  EXPECT_EQ(result.trials.size(), 2U);
  EXPECT_THAT(result.reason.en, HasSubstr("2 trials hung"));
  EXPECT_FALSE(result.cut_short) << "more time would not help";
}

TEST(BatchSearch, GivesUpOnAProgramThatFailsWhateverTheBatchIs) {
  SimulatedCard card;
  for (const std::int64_t batch : {1, 2, 4, 8, 16, 32}) card.fails[batch] = TrialOutcome::error;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu);
  EXPECT_FALSE(result.batch);
  EXPECT_EQ(result.trials.size(), 2U);
  EXPECT_THAT(result.reason.en,
              HasSubstr("the program fails whatever the batch is: the program failed: Expected more"));
}

TEST(BatchSearch, StaysBelowWhatTheKernelKilled) {
  SimulatedCard card;
  card.sample_ms = 0.01;
  card.killed_from = 200;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu);
  ASSERT_TRUE(result.batch);
  EXPECT_LT(*result.batch, 200);
  EXPECT_GE(card.rate(*result.batch), 0.7 * card.rate(192));
  ASSERT_TRUE(result.next_failed);
  EXPECT_EQ(result.next_failed->outcome, TrialOutcome::killed);
}

TEST(BatchSearch, SoaksTheNextSmallerCandidateWhenASoakFails) {
  SimulatedCard card;
  card.sample_ms = 0.2;
  SimulatedGpu plain(card);
  const std::int64_t first_choice = *search(plain).batch;
  card.soak_fails_from = first_choice;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu);
  ASSERT_TRUE(result.batch);
  EXPECT_LT(*result.batch, first_choice);
  EXPECT_TRUE(result.soaked);
  EXPECT_GE(count(result, TrialRole::soak), 2);
}

}  // namespace
}  // namespace wring
