#include "wring/tune/batch_search.h"

#include <algorithm>
#include <cmath>
#include <vector>

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

bool ran(const BatchSearchResult& result, std::int64_t batch) {
  return std::ranges::any_of(result.trials, [&](const SearchTrial& trial) {
    return trial.batch == batch && trial.result.outcome == TrialOutcome::ok;
  });
}

int count(const BatchSearchResult& result, TrialRole role) {
  return static_cast<int>(std::ranges::count(result.trials, role, &SearchTrial::role));
}

// The best rate among 1, 2, 4 and the multiples of 8 that leave the reserve.
double exhaustive_best(const SimulatedCard& card, std::int64_t reserve_mib, std::int64_t most) {
  double best = 0;
  const double room = static_cast<double>(card.capacity_mib - reserve_mib);
  const auto look = [&](std::int64_t batch) {
    if (batch <= most && card.runs(batch) && card.peak_mib(batch) <= room) best = std::max(best, card.rate(batch));
  };
  for (const std::int64_t batch : {1, 2, 4}) look(batch);
  for (std::int64_t batch = 8; batch <= most; batch += 8) look(batch);
  return best;
}

void expect_within(double epsilon, const BatchSearchResult& result, const SimulatedCard& card,
                   const BatchSearchOptions& options = {}) {
  ASSERT_TRUE(result.batch) << result.reason.en;
  EXPECT_TRUE(ran(result, *result.batch));
  const double best = exhaustive_best(card, result.reserve_mib.value_or(0), options.max_batch);
  EXPECT_GE(card.rate(*result.batch), (1 - epsilon) * best) << "batch " << *result.batch;
}

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

TEST(BatchSearch, RunsTheConfigsOwnBatchSoThatThereIsSomethingToCompareWith) {
  SimulatedCard card;
  card.sample_ms = 0.5;
  SimulatedGpu gpu(card);
  BatchSearchOptions options;
  options.start_batch = 200;  // beyond the probes, and no jump lands there
  const BatchSearchResult result = search(gpu, options);
  EXPECT_TRUE(ran(result, 200));
  EXPECT_TRUE(result.start_rate);
}

TEST(BatchSearch, ProvesTheChoiceByASoakWithAValidation) {
  SimulatedCard card;
  card.sample_ms = 0.2;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu);
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
  ASSERT_TRUE(result.batch);
  EXPECT_LE(*result.batch, 8);
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
  EXPECT_LT(card.peak_mib(*result.batch), 0.9 * 9000);
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
  BatchSearchOptions options;
  options.start_batch = 32;  // probes 16, 32 and 64, which leaves 420 MiB
  options.min_reserve_mib = 1000;
  SimulatedGpu gpu(card);
  const BatchSearchResult result = search(gpu, options);
  ASSERT_TRUE(result.batch);
  EXPECT_GE(*result.headroom_mib, 1000);
  EXPECT_GE(*result.batch, 32);
  const auto largest = std::ranges::find(result.trials, 64, &SearchTrial::batch);
  ASSERT_NE(largest, result.trials.end());
  EXPECT_EQ(largest->fit, Fit::no_room);
  EXPECT_THAT(largest->note.en, HasSubstr("leaves 420 MiB, the reserve is 1000 MiB"));
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
  EXPECT_THAT(result.reason.en, HasSubstr("The time budget ended"));
  EXPECT_LE(result.seconds, 14);
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

TEST(BatchSearch, RespectsTheCaps) {
  SimulatedCard card;
  card.sample_ms = 0.001;
  for (const auto& [dataset, host, most] :
       {std::tuple{100, 5000, 96}, std::tuple{5000, 40, 40}, std::tuple{3, 5000, 2}}) {
    BatchSearchOptions options;
    options.dataset_size = dataset;
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
      EXPECT_EQ(event.trial->result.samples_per_s, 0);
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

// Random cards. What is drawn is what differs between real ones: launches, samples, a floor that hides small batches,
// memory with segments and a workspace that comes late, a validation.
class Draw {
 public:
  explicit Draw(unsigned seed) : random_(seed) {}
  double between(double low, double high) { return std::uniform_real_distribution<double>(low, high)(random_); }
  double scaled(double low, double high) { return std::exp(between(std::log(low), std::log(high))); }
  bool one_in(int n) { return between(0, n) < 1; }

 private:
  std::mt19937_64 random_;
};

SimulatedCard random_card(Draw& draw) {
  SimulatedCard card;
  card.launch_ms = draw.scaled(0.3, 12);
  card.sample_ms = draw.scaled(0.004, 0.5);
  card.floor_ms = draw.one_in(3) ? draw.scaled(2, 20) : 0;
  card.fixed_mib = draw.scaled(200, 3000);
  card.sample_mib = draw.scaled(2, 300);
  card.granule_mib = draw.one_in(2) ? 2 : draw.between(20, 128);
  card.capacity_mib = static_cast<std::int64_t>(draw.scaled(8000, 144000));
  if (draw.one_in(3)) {
    card.workspace_mib = draw.between(50, 800);
    card.workspace_from = 8 * static_cast<std::int64_t>(draw.between(1, 30));
  }
  card.validation_mib = draw.one_in(2) ? draw.between(50, 600) : 0;
  return card;
}

struct Sweep {
  int cards = 0;
  int within_epsilon = 0;
  int cut_short = 0;
  double worst = 1;
  double longest_s = 0;
  std::size_t most_trials = 0;
};

Sweep sweep(int cards, double trial_noise, double step_noise) {
  Sweep result;
  for (int number = 0; number < cards; ++number) {
    Draw draw(static_cast<unsigned>(1000 + number));
    SimulatedCard card = random_card(draw);
    card.trial_noise = trial_noise;
    card.step_noise = step_noise;
    BatchSearchOptions options;
    options.start_batch = std::vector<std::int64_t>{1, 4, 12, 16, 32, 64, 256, 2048}[number % 8];
    SimulatedGpu gpu(card, static_cast<unsigned>(number));
    const BatchSearchResult found = search(gpu, options);
    EXPECT_TRUE(found.batch) << "card " << number << ": " << found.reason.en;
    if (!found.batch) continue;
    EXPECT_TRUE(ran(found, *found.batch)) << "card " << number;
    EXPECT_TRUE(found.soaked || found.cut_short) << "card " << number;
    EXPECT_LE(card.peak_mib(*found.batch), static_cast<double>(card.capacity_mib)) << "card " << number;
    const double best = exhaustive_best(card, *found.reserve_mib, options.max_batch);
    const double share = card.rate(*found.batch) / best;
    ++result.cards;
    result.within_epsilon += share >= 0.97 ? 1 : 0;
    result.cut_short += found.cut_short ? 1 : 0;
    result.worst = std::min(result.worst, share);
    result.longest_s = std::max(result.longest_s, found.seconds);
    result.most_trials = std::max(result.most_trials, found.trials.size());
  }
  return result;
}

TEST(BatchSearchOnRandomCards, ComesWithinThreePercentOfAnExhaustiveSweepInThirtySeconds) {
  const Sweep result = sweep(300, 0.003, 0.05);
  EXPECT_EQ(result.cards, 300);
  EXPECT_GE(result.within_epsilon, 297);
  EXPECT_GE(result.worst, 0.95);
  EXPECT_LE(result.longest_s, 36);
  EXPECT_LE(result.most_trials, 24U);
}

TEST(BatchSearchOnRandomCards, IsNotLedAstrayByFivePercentOfNoise) {
  const Sweep result = sweep(300, 0.05, 0.05);
  EXPECT_EQ(result.cards, 300);
  EXPECT_GE(result.within_epsilon, 270);
  EXPECT_GE(result.worst, 0.92);
  EXPECT_LE(result.most_trials, 32U);
}

}  // namespace
}  // namespace wring
