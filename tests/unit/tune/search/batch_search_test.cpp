// What the search chooses, what it says of it, and the bounds it keeps to.
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

TEST(BatchSearch, ChoosesTheKneeAndNotTheLargestThatFits) {
  SimulatedCard card;
  card.sample_ms = 0.5;  // 97 % of what batch 1100 makes is reached at about 200
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu);
  expect_within(0.03, result, card);
  EXPECT_LT(*result.batch, 420);
  EXPECT_EQ(*result.batch % 8, 0);
}

TEST(BatchSearch, LooksFarAheadWhereStartingAProgramIsWhatATrialCosts) {
  SimulatedCard card;
  card.trial_s = 13;  // a script that imports, reads and warms up anew each time
  SimulatedGpu gpu(card);
  BatchSearchOptions options;
  options.budget_s = 90;
  options.start_batch = 4;
  const BatchSearchResult result = search(gpu, options);
  ASSERT_TRUE(result.batch) << result.reason.en;
  EXPECT_GE(*result.batch, 32);
}

TEST(BatchSearch, TakesEightTimesTheBatchFirstWhereEachTrialStartsAProgram) {
  SimulatedCard card;  // of a script on the H200: 829 samples/s at batch 4, in 70 s
  card.launch_ms = 4.4;
  card.sample_ms = 0.05;
  card.trial_s = 11;
  card.start_s = 0;
  card.capacity_mib = 140000;
  SimulatedGpu gpu(card);
  BatchSearchOptions options;
  options.budget_s = 70;
  options.starts_anew = true;
  options.start_batch = 4;
  const BatchSearchResult result = search(gpu, options);
  ASSERT_TRUE(result.batch) << result.reason.en;
  EXPECT_EQ(result.trials[1].batch, 32);
  EXPECT_GE(card.rate(*result.batch), 0.55 * exhaustive_best(card, 0, options.max_batch));
}

TEST(BatchSearch, TakesTheDoubleFirstWhereTrialsAreCheap) {
  SimulatedCard card;
  card.start_s = 0;
  SimulatedGpu gpu(card);
  BatchSearchOptions options;
  options.starts_anew = true;
  options.start_batch = 16;
  const BatchSearchResult result = search(gpu, options);
  EXPECT_EQ(result.trials.at(1).batch, 32);
}

TEST(BatchSearch, RunsTheConfigsOwnBatchBeforeAllOthers) {
  for (const std::int64_t own : {1, 12, 200, 2048}) {
    SimulatedCard card;
    card.sample_ms = 0.5;
    SimulatedGpu gpu(card);
    BatchSearchOptions options;
    options.start_batch = own;
    const BatchSearchResult result = search(gpu, options);
    ASSERT_FALSE(result.trials.empty());
    EXPECT_EQ(result.trials.front().batch, own);
    EXPECT_EQ(result.trials.front().role, TrialRole::own);
    EXPECT_EQ(result.start_rate.has_value(), card.runs(own));
  }
}

TEST(BatchSearch, MeasuresTheWinnerAndTheConfigsOwnInTurns) {
  SimulatedCard card;
  card.sample_ms = 0.2;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu);
  ASSERT_TRUE(result.batch);
  ASSERT_NE(*result.batch, 16);
  std::vector<std::int64_t> compared;
  for (const SearchTrial& trial : result.trials) {
    if (trial.role != TrialRole::compare) continue;
    compared.push_back(trial.batch);
    EXPECT_TRUE(trial.request.fresh) << "whatever an earlier run measured";
  }
  EXPECT_THAT(compared, testing::IsSupersetOf({std::int64_t{16}, *result.batch}));
  ASSERT_TRUE(result.gain);
  EXPECT_NEAR(*result.gain, *result.rate / *result.start_rate - 1, 1e-9) << "one fact, one number";
  EXPECT_GT(*result.gain, 0.03);
  EXPECT_THAT(result.reason.en, HasSubstr("more than the configuration's own 16"));
}

// "232 in place of 256: 0.98 ×" must not happen.
TEST(BatchSearch, KeepsTheConfigsOwnBatchWhereNothingGainsMoreThanThreePercent) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    SimulatedCard card;
    card.launch_ms = 2;
    card.sample_ms = 0.5;
    BatchSearchOptions options;
    options.start_batch = 256;  // 98.5 % of all that there is
    SimulatedGpu gpu(card, seed);
    const BatchSearchResult result = search(gpu, options);
    EXPECT_EQ(result.batch, 256) << result.reason.en;
    EXPECT_FALSE(result.gain);
    EXPECT_EQ(result.rate, result.start_rate);
    EXPECT_THAT(result.reason.en, HasSubstr("Batch 256, the configuration's own,"));
  }
}

TEST(BatchSearch, KeepsTheConfigsOwnBatchAlsoWhereItLeavesLessThanTheReserveAndNothingIsFaster) {
  SimulatedCard card;
  card.sample_ms = 0.05;
  card.fixed_mib = 900;
  card.sample_mib = 20;
  card.capacity_mib = 6120;  // 256 take 6020
  BatchSearchOptions options;
  options.start_batch = 256;
  SimulatedGpu gpu(card);
  EXPECT_EQ(search(gpu, options).batch, 256);
}

TEST(BatchSearch, SaysNotSoakedWhereTheTimeDidNotSuffice) {
  SimulatedCard card;
  card.launch_ms = 20;
  card.sample_ms = 4;  // steps of a third of a second and more
  BatchSearchOptions options;
  options.budget_s = 11;
  options.start_batch = 64;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu, options);
  ASSERT_TRUE(result.batch);
  ASSERT_FALSE(result.soaked);
  EXPECT_THAT(result.reason.en, HasSubstr("It was not soaked."));
  EXPECT_THAT(result.reason.en, testing::Not(HasSubstr("did not")));
  EXPECT_THAT(result.reason.zh, HasSubstr("未经长测"));
}

TEST(BatchSearch, NeverCallsItsOnlyMeasurementTheBest) {
  SimulatedCard card;
  card.sample_ms = 20;
  card.warmup_steps = 20;
  BatchSearchOptions options;
  options.budget_s = 14;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu, options);
  EXPECT_EQ(result.batch, 16);
  EXPECT_THAT(result.reason.en, HasSubstr("no other size was measured"));
  EXPECT_THAT(result.reason.en, testing::Not(HasSubstr("best")));
}

TEST(BatchSearch, EndsWithItsBudgetWhateverRunsThen) {
  SimulatedCard card;
  card.trial_s = 50;
  BatchSearchOptions options;
  options.budget_s = 20;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu, options);
  EXPECT_LE(result.seconds, 20 + 1e-6);
  EXPECT_FALSE(result.batch);
  EXPECT_TRUE(result.cut_short);
  EXPECT_EQ(result.trials.front().fit, Fit::unknown);
  EXPECT_THAT(result.reason.en, HasSubstr("The budget of 20 s ended before batch 16 was measured: it was measuring."));
}

TEST(BatchSearch, SaysThatWhatIsLeftIsTooLittleInPlaceOfThatTheBudgetEnded) {
  SimulatedCard card;
  card.trial_s = 25;
  BatchSearchOptions options;
  options.budget_s = 100;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu, options);
  ASSERT_TRUE(result.cut_short);
  ASSERT_LT(result.seconds, 95);
  EXPECT_THAT(result.reason.en, HasSubstr("s of its 100 s: what is left is too little"));
  EXPECT_THAT(result.reason.en, testing::Not(HasSubstr("budget ended")));
}

TEST(BatchSearch, LearnsWhatAValidationTakesBeforeItGoesToTheLimit) {
  SimulatedCard card;
  card.sample_ms = 0.01;
  card.capacity_mib = 8000;
  card.validation_mib = 900;
  for (unsigned seed = 1; seed <= 10; ++seed) {
    SimulatedGpu gpu(card, seed);
    const BatchSearchResult result = search(gpu);
    expect_within(0.03, result, card);
    EXPECT_TRUE(result.soaked);
    EXPECT_EQ(count(result, TrialRole::validate), 1);
    EXPECT_EQ(count(result, TrialRole::soak), 1) << "the first soak passes";
    EXPECT_GE(*result.reserve_mib, 900 + 256);
  }
}

TEST(BatchSearch, ProvesTheChoiceByASoakWithAValidation) {
  SimulatedCard card;
  card.sample_ms = 0.2;
  SimulatedGpu gpu(card);
  BatchSearchOptions options;
  options.budget_s = 60;
  const BatchSearchResult result = search(gpu, options);
  ASSERT_TRUE(result.soaked);
  const SearchTrial& soak = *result.chosen_trial();
  EXPECT_EQ(soak.role, TrialRole::soak);
  EXPECT_EQ(soak.batch, *result.batch);
  EXPECT_TRUE(soak.request.measure.validate);
  EXPECT_GE(result.soak_steps, 50);
  EXPECT_EQ(soak.result.step_ms.n, result.soak_steps);
}

TEST(BatchSearch, GoesToTheMemoryLimitWhereTheRateGrowsUntilThere) {
  SimulatedCard card;
  card.sample_ms = 0.001;  // launches are all that a step costs
  card.capacity_mib = 8000;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu);
  expect_within(0.03, result, card);
  EXPECT_GE(*result.headroom_mib, 256);
  EXPECT_FALSE(result.larger_does_not_help);
}

TEST(BatchSearch, SaysPlainlyThatALargerBatchDoesNotHelp) {
  SimulatedCard card;
  card.launch_ms = 0.05;
  card.sample_ms = 1;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu);
  EXPECT_EQ(result.batch, 16) << "nor does a smaller one: the configuration's own stays";
  EXPECT_TRUE(result.larger_does_not_help);
  EXPECT_THAT(result.reason.en, HasSubstr("A larger batch does not help"));
  EXPECT_THAT(result.reason.zh, HasSubstr("更大的 batch 没有帮助"));
}

TEST(BatchSearch, ForetellsThePeakOfTheChoiceWithinThreePercent) {
  SimulatedCard card;
  card.sample_ms = 0.2;
  card.granule_mib = 20;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu);
  ASSERT_TRUE(result.predicted_peak_mib);
  const double measured = card.peak_mib(*result.batch);
  EXPECT_NEAR(*result.predicted_peak_mib, measured, 0.03 * measured);
  ASSERT_TRUE(result.memory_line.line);
  EXPECT_NEAR(result.memory_line.line->slope, card.sample_mib, 0.5);
}

TEST(BatchSearch, NamesTheHeadroomAndTheNextSizeThatFailed) {
  SimulatedCard card;
  card.sample_ms = 0.01;
  card.capacity_mib = 4000;
  card.fails[128] = TrialOutcome::oom;
  BatchSearchOptions options;
  options.start_batch = 64;  // probes 32, 64, 128
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu, options);
  ASSERT_TRUE(result.batch);
  EXPECT_EQ(*result.headroom_mib, card.capacity_mib - *result.peak_mib);
  ASSERT_TRUE(result.next_failed || *result.batch > 128);
  if (*result.batch < 128) {
    EXPECT_THAT(result.reason.en, HasSubstr("out of memory"));
  }
}

TEST(BatchSearch, ReturnsTheBestOfWhatWasMeasuredWhenTheBudgetEnds) {
  SimulatedCard card;
  card.sample_ms = 20;  // a step of batch 16 takes a third of a second, its trial five
  BatchSearchOptions options;
  options.budget_s = 12;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu, options);
  ASSERT_TRUE(result.batch);
  EXPECT_TRUE(ran(result, *result.batch));
  EXPECT_TRUE(result.cut_short);
  EXPECT_FALSE(result.cancelled);
  EXPECT_THAT(result.reason.en, HasSubstr("more may find a better size"));
  EXPECT_LE(result.seconds, 12 + 1e-6);
}

TEST(BatchSearch, KeepsWhatWasMeasuredWhenTheUserEndsIt) {
  SimulatedGpu gpu({});
  SearchControl control = gpu.control();
  control.cancelled = [&] { return gpu.asked().size() >= 4; };
  const BatchSearchResult result = search_batch(gpu, {}, control);
  ASSERT_TRUE(result.batch);
  EXPECT_EQ(result.trials.size(), 4U);
  EXPECT_TRUE(result.cancelled);
  EXPECT_TRUE(result.cut_short);
  EXPECT_FALSE(result.soaked);
  EXPECT_THAT(result.reason.en, HasSubstr("ended early"));
}

TEST(BatchSearch, CallsNothingChosenWhenEndedBeforeTheFirstTrial) {
  SimulatedGpu gpu({});
  SearchControl control = gpu.control();
  control.cancelled = [] { return true; };
  const BatchSearchResult result = search_batch(gpu, {}, control);
  EXPECT_FALSE(result.batch);
  EXPECT_TRUE(result.trials.empty());
  EXPECT_THAT(result.reason.en, HasSubstr("Nothing was measured"));
}

TEST(BatchSearch, RespectsTheHostsMemory) {
  SimulatedCard card;
  card.sample_ms = 0.001;
  for (const auto& [host, most] : {std::pair{100, 96}, std::pair{40, 40}, std::pair{3, 2}}) {
    BatchSearchOptions options;
    options.host_batch_limit = host;
    SimulatedGpu gpu(card);
    const BatchSearchResult result = search(gpu, options);
    ASSERT_TRUE(result.batch);
    EXPECT_EQ(*result.batch, most);
    for (const SearchTrial& trial : result.trials) EXPECT_LE(trial.batch, most);
  }
}

TEST(BatchSearch, TriesNothingBelowTheLeastBatch) {
  SimulatedCard card;
  card.launch_ms = 0.01;
  card.sample_ms = 1;
  BatchSearchOptions options;
  options.min_batch = 16;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu, options);
  EXPECT_EQ(result.batch, 16);
  for (const SearchTrial& trial : result.trials) EXPECT_GE(trial.batch, 16);
}

TEST(BatchSearch, LooksAtSizesOfWholeWavesAroundItsChoice) {
  SimulatedCard card;
  card.launch_ms = 0.4;
  card.sample_ms = 0.05;
  card.wave = 88;  // one sample more than a whole wave costs a whole wave
  BatchSearchOptions options;
  options.natural_multiple = 88;
  options.budget_s = 60;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu, options);
  ASSERT_TRUE(result.batch);
  EXPECT_EQ(*result.batch % 88, 0);
  expect_within(0.03, result, card);
}

TEST(BatchSearch, WorksWithoutMemoryReadings) {
  SimulatedCard card;
  card.tells_memory = false;
  card.sample_ms = 0.2;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu);
  ASSERT_TRUE(result.batch);
  EXPECT_GE(card.rate(*result.batch), 0.97 * card.rate(1152));
  EXPECT_FALSE(result.headroom_mib);
  EXPECT_FALSE(result.memory_line.line);
  EXPECT_FALSE(result.memory_line.refusal.empty());
}

TEST(BatchSearch, SaysWhyTheTargetUtilisationIsNotMet) {
  SimulatedCard card;
  card.launch_ms = 0.05;
  card.sample_ms = 1;
  card.gpu_util = 60;
  BatchSearchOptions options;
  options.target_gpu_util = 85;
  SimulatedGpu gpu(card);
  const BatchSearchResult slow = search(gpu, options);
  EXPECT_EQ(slow.target_util_met, false);
  EXPECT_THAT(slow.target_util_text.en,
              HasSubstr("GPU-Util 60 %, target 85 %: a larger batch does not raise the rate"));

  card.data_wait_share = 0.3;
  SimulatedGpu hungry(card);
  EXPECT_THAT(search(hungry, options).target_util_text.en, HasSubstr("waits 30 % of its time for data"));

  card.gpu_util = 91;
  SimulatedGpu busy(card);
  EXPECT_EQ(search(busy, options).target_util_met, true);
}

TEST(BatchSearch, TellsOfEveryTrialAsItStartsAndEnds) {
  SimulatedGpu gpu({});
  SearchControl control = gpu.control();
  std::size_t started = 0;
  std::size_t finished = 0;
  control.on_event = [&](const SearchEvent& event) {
    ASSERT_NE(event.trial, nullptr);
    if (event.kind == SearchEvent::Kind::started) {
      EXPECT_FALSE(event.trial->result.samples_per_s);
      ++started;
    } else {
      EXPECT_FALSE(event.trial->note.empty());
      ++finished;
    }
  };
  const BatchSearchResult result = search_batch(gpu, {}, control);
  EXPECT_EQ(started, result.trials.size());
  EXPECT_EQ(finished, result.trials.size());
}

TEST(BatchSearch, SetsWhatTheCallerAsksForInEveryTrial) {
  SimulatedGpu gpu({});
  BatchSearchOptions options;
  options.set = {{"num_workers", "8"}};
  options.data = TrialData::resident;
  search(gpu, options);
  for (const TrialRequest& request : gpu.asked()) {
    EXPECT_EQ(value_of(request, "num_workers"), "8");
    EXPECT_EQ(request.measure.data, TrialData::resident);
  }
}

TEST(BatchSearch, RefusesOptionsThatCannotBe) {
  SimulatedGpu gpu({});
  const auto refused = [&](const BatchSearchOptions& options) { EXPECT_THROW(search(gpu, options), Error); };
  BatchSearchOptions options;
  options.epsilon = 0;
  refused(options);
  options = {};
  options.epsilon = 0.6;
  refused(options);
  options = {};
  options.budget_s = 0;
  refused(options);
  options = {};
  options.start_batch = 0;
  refused(options);
  options = {};
  options.host_batch_limit = 0;
  refused(options);
  EXPECT_TRUE(gpu.asked().empty());
}

}  // namespace
}  // namespace wring
