// The search on hundreds of random simulated cards, against an exhaustive sweep of each.
#include <algorithm>
#include <cmath>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/tune/batch_search_fixture.h"
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
