// The search on hundreds of random simulated cards, against an exhaustive sweep of each.
#include <algorithm>
#include <cmath>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/tune/search/batch_search_fixture.h"
#include "wring/base/error.h"

namespace wring {
namespace {

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
  int slower = 0;  // than the config's own
  double worst = 1;
  double longest_s = 0;
  std::size_t most_trials = 0;
};

void look_at(Sweep& sweep, int number, const SimulatedCard& card, const BatchSearchOptions& options) {
  SimulatedGpu gpu(card, static_cast<unsigned>(number));
  const BatchSearchResult found = search(gpu, options);
  EXPECT_TRUE(found.batch) << "card " << number << ": " << found.reason.en;
  if (!found.batch) return;
  EXPECT_TRUE(ran(found, *found.batch)) << "card " << number;
  EXPECT_LE(card.peak_mib(*found.batch), static_cast<double>(card.capacity_mib)) << "card " << number;
  const double best = exhaustive_best(card, *found.reserve_mib, options.max_batch);
  const double share = card.rate(*found.batch) / best;
  ++sweep.cards;
  sweep.within_epsilon += share >= 0.97 ? 1 : 0;
  sweep.slower += found.start_rate && card.rate(*found.batch) < 0.999 * card.rate(options.start_batch) ? 1 : 0;
  sweep.worst = std::min(sweep.worst, share);
  sweep.longest_s = std::max(sweep.longest_s, found.seconds);
  sweep.most_trials = std::max(sweep.most_trials, found.trials.size());
}

Sweep sweep(int cards, double trial_noise, double step_noise) {
  Sweep result;
  for (int number = 0; number < cards; ++number) {
    Draw draw(static_cast<unsigned>(1000 + number));
    SimulatedCard card = random_card(draw);
    card.trial_noise = trial_noise;
    card.step_noise = step_noise;
    BatchSearchOptions options;
    options.start_batch = std::vector<std::int64_t>{1, 4, 12, 16, 32, 64, 256, 2048}[number % 8];
    look_at(result, number, card, options);
  }
  return result;
}

// As a perceptual loss makes them: steps of 50 to 170 ms at the config's own batch, a worker that takes 6 s to start
// and longer at its first trial, an engine that is built anew for each.
SimulatedCard card_of_long_steps(Draw& draw, std::int64_t own) {
  SimulatedCard card;
  const double own_step_ms = draw.scaled(50, 170);
  card.launch_ms = draw.scaled(3, 25);
  card.sample_ms = (own_step_ms - card.launch_ms) / static_cast<double>(own);
  card.fixed_mib = draw.between(1500, 4000);
  card.sample_mib = draw.scaled(150, 700);
  card.granule_mib = draw.one_in(2) ? 2 : draw.between(20, 128);
  card.capacity_mib = std::vector<std::int64_t>{24000, 48000, 80000, 141000}[static_cast<int>(draw.between(0, 3.999))];
  while (card.peak_mib(own) > 0.9 * static_cast<double>(card.capacity_mib)) card.sample_mib *= 0.8;
  card.validation_mib = draw.between(50, 600);
  card.start_s = 6;
  card.trial_s = draw.between(0.5, 1.5);
  card.first_warmup_s = draw.between(1, 4);
  return card;
}

Sweep sweep_of_long_steps(int cards, double trial_noise, double step_noise) {
  Sweep result;
  for (int number = 0; number < cards; ++number) {
    Draw draw(static_cast<unsigned>(1000 + number));
    BatchSearchOptions options;
    options.budget_s = 60;
    options.start_batch = std::vector<std::int64_t>{32, 48, 64}[number % 3];
    SimulatedCard card = card_of_long_steps(draw, options.start_batch);
    card.trial_noise = trial_noise;
    card.step_noise = step_noise;
    look_at(result, number, card, options);
  }
  return result;
}

TEST(BatchSearchOnRandomCards, ComesWithinThreePercentOfAnExhaustiveSweepInThirtySeconds) {
  const Sweep result = sweep(300, 0.003, 0.05);
  EXPECT_EQ(result.cards, 300);
  EXPECT_GE(result.within_epsilon, 288);
  EXPECT_GE(result.worst, 0.65);  // a memory limit that leaves one size of three
  EXPECT_EQ(result.slower, 0);
  EXPECT_LE(result.longest_s, 30 + 1e-6);
  EXPECT_LE(result.most_trials, 24U);
}

// Five per cent of noise hide gains of as much: there the configuration's own batch stays.
TEST(BatchSearchOnRandomCards, IsNotLedAstrayByFivePercentOfNoise) {
  const Sweep result = sweep(300, 0.05, 0.05);
  EXPECT_EQ(result.cards, 300);
  EXPECT_GE(result.within_epsilon, 245);
  EXPECT_EQ(result.slower, 0);
  EXPECT_LE(result.longest_s, 30 + 1e-6);
  EXPECT_LE(result.most_trials, 32U);
}

TEST(BatchSearchOnLongSteps, ComesWithinThreePercentOfAnExhaustiveSweepInAMinute) {
  const Sweep result = sweep_of_long_steps(300, 0.003, 0.01);
  EXPECT_EQ(result.cards, 300);
  EXPECT_GE(result.within_epsilon, 288);
  EXPECT_GE(result.worst, 0.95);
  EXPECT_EQ(result.slower, 0);
  EXPECT_LE(result.longest_s, 60 + 1e-6);
}

TEST(BatchSearchOnLongSteps, ComesNearlyAsFarWithOneAndTwoPercentOfNoise) {
  const Sweep one = sweep_of_long_steps(300, 0.01, 0.01);
  EXPECT_GE(one.within_epsilon, 276);
  EXPECT_GE(one.worst, 0.9);
  EXPECT_EQ(one.slower, 0);
  const Sweep two = sweep_of_long_steps(300, 0.02, 0.02);
  EXPECT_GE(two.within_epsilon, 250);
  EXPECT_GE(two.worst, 0.9);
  EXPECT_EQ(two.slower, 0);
}

// A second process on the card, which comes and goes every few seconds: five searches in a row on each card.
TEST(BatchSearchBesideAnotherProcess, WritesNothingSlowerThanWhatWasThere) {
  int searches = 0;
  int slower = 0;
  int disturbed = 0;
  for (const double period_s : {0.7, 2.0, 5.0, 9.0, 30.0}) {
    for (const double busy : {0.15, 0.4}) {
      for (int number = 0; number < 50; ++number) {
        Draw draw(static_cast<unsigned>(2000 + number / 5));  // five on each card, at other moments
        BatchSearchOptions options;
        options.budget_s = 60;
        options.start_batch = std::vector<std::int64_t>{32, 48, 64}[(number / 5) % 3];
        SimulatedCard card = card_of_long_steps(draw, options.start_batch);
        const double phase_s = period_s * number / 50;
        card.slowed = [=](double now_s) { return std::fmod(now_s + phase_s, period_s) < busy * period_s ? 1.9 : 1.0; };
        SimulatedGpu gpu(card, static_cast<unsigned>(number));
        const BatchSearchResult found = search(gpu, options);
        ++searches;
        if (found.disturbed) {
          ++disturbed;
          EXPECT_GT(*found.disturbed, 0.25);
          EXPECT_EQ(found.batch, options.start_batch) << "the configuration's own";
          EXPECT_THAT(found.reason.en, testing::StartsWith("The machine is disturbed: rates of one size differ by "));
          continue;
        }
        slower += found.batch && card.rate(*found.batch) < 0.999 * card.rate(options.start_batch) ? 1 : 0;
      }
    }
  }
  EXPECT_EQ(searches, 500);
  EXPECT_LE(slower, 2) << "of those whose every trial met the other process alike";
  EXPECT_GT(disturbed, 50);
}

}  // namespace
}  // namespace wring
