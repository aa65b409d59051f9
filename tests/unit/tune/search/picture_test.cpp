#include "wring/tune/search/picture.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

namespace wring {
namespace {

SearchTrial trial(std::int64_t batch, double rate, std::int64_t peak_mib, TrialRole role = TrialRole::probe) {
  SearchTrial trial;
  trial.batch = batch;
  trial.role = role;
  trial.request.measure.validate = role == TrialRole::soak || role == TrialRole::validate;
  trial.result.samples_per_s = rate;
  trial.result.step_ms = {1000 * static_cast<double>(batch) / rate, 0, 0, 100};
  trial.result.memory.peak_reserved_mib = peak_mib;
  trial.result.memory.device_total_mib = 24000;
  trial.result.memory.device_free_mib = 24000 - peak_mib;
  return trial;
}

TEST(BatchPicture, TheReserveHoldsTheMemoryLinesResidual) {
  BatchSearchOptions options;
  options.min_reserve_mib = 256;
  const std::vector<SearchTrial> straight = {trial(8, 100, 1000), trial(16, 190, 1800), trial(32, 350, 3400)};
  EXPECT_NEAR(*picture_of(straight, options).reserve_mib, 256, 1);
  std::vector<SearchTrial> bent = straight;
  bent[1].result.memory.peak_reserved_mib = 2000;
  const BatchPicture picture = picture_of(bent, options);
  ASSERT_TRUE(picture.memory.line);
  EXPECT_GT(picture.memory.line->residual, 50);
  EXPECT_EQ(picture.reserve_mib, 256 + static_cast<std::int64_t>(std::ceil(picture.memory.line->residual)));
}

TEST(BatchPicture, TheReserveHoldsWhatAValidationTook) {
  BatchSearchOptions options;
  options.min_reserve_mib = 256;
  options.validation_spike_mib = 100;
  std::vector<SearchTrial> trials = {trial(8, 100, 1000), trial(16, 190, 1800), trial(32, 350, 3400)};
  EXPECT_NEAR(*picture_of(trials, options).reserve_mib, 356, 1);
  trials.push_back(trial(8, 90, 1700, TrialRole::validate));
  const BatchPicture picture = picture_of(trials, options);
  EXPECT_NEAR(*picture.reserve_mib, 256 + 700, 1);
  EXPECT_EQ(picture.find(8)->peak_mib, 1000) << "and not of the steps";
  EXPECT_EQ(picture.find(8)->rate, 100);
}

TEST(BatchPicture, WhatAnEarlierRunMeasuredGivesWayToWhatIsMeasuredNow) {
  std::vector<SearchTrial> trials = {trial(16, 500, 1800)};
  trials.front().result.reused = true;
  EXPECT_EQ(picture_of(trials, {}).find(16)->rate, 500);
  trials.push_back(trial(16, 190, 1800));
  trials.push_back(trial(16, 192, 1800));
  const BatchPicture picture = picture_of(trials, {});
  EXPECT_EQ(picture.find(16)->rate, 191);
  EXPECT_LT(picture.spread, 0.02) << "another day's rate is no disturbance";
}

TEST(BatchPicture, ATrialThatTheBudgetEndedSaysNothingOfItsSize) {
  std::vector<SearchTrial> trials = {trial(16, 190, 1800), trial(32, 350, 3400)};
  trials.back().result = {};
  trials.back().result.outcome = TrialOutcome::cut_off;
  trials.back().fit = Fit::unknown;
  EXPECT_EQ(picture_of(trials, {}).find(32), nullptr);
}

TEST(BatchPicture, TheSpreadIsThatOfTheSizeWhoseRatesDifferMost) {
  const std::vector<SearchTrial> trials = {trial(16, 100, 1800), trial(16, 101, 1800), trial(32, 200, 3400),
                                           trial(32, 294, 3400)};
  EXPECT_NEAR(picture_of(trials, {}).spread, 0.47, 1e-9);
}

TEST(BatchPicture, TheConfigsOwnSizeIsChosenUnlessAnotherIsWorthAChange) {
  BatchSearchOptions options;
  options.start_batch = 32;
  const auto chosen = [&](double rate_of_64) {
    const std::vector<SearchTrial> trials = {trial(16, 190, 1800), trial(32, 1000, 3400), trial(64, rate_of_64, 6600)};
    return choose(picture_of(trials, options), options, 64)->batch;
  };
  EXPECT_EQ(chosen(1025), 32);
  EXPECT_EQ(chosen(1100), 64);
}

}  // namespace
}  // namespace wring
