#include "wring/tune/search/contest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/tune/search/simulated_gpu.h"

namespace wring {
namespace {

using testing::ElementsAre;

TEST(Contest, IsWonByMoreThanThreePercentAndMoreThanTheNoise) {
  EXPECT_TRUE((Contest{.before = {100, 100.2}, .after = {105, 105.1}}).won());
  EXPECT_FALSE((Contest{.before = {100, 100.2}, .after = {102.8, 102.9}}).won()) << "less than 3 %";
  EXPECT_FALSE((Contest{.before = {100, 110}, .after = {104, 114}}).won()) << "within the noise";
  EXPECT_FALSE((Contest{.before = {100}, .after = {200}}).won()) << "one of each tells no noise";
  EXPECT_FALSE((Contest{.before = {100, 100.2}, .after = {105, 105.1}, .least = 4}).won()) << "four were asked for";
  EXPECT_FALSE((Contest{}).won());
}

TEST(Contest, IsSettledWhereAnotherRoundWouldChangeNothing) {
  EXPECT_TRUE((Contest{.before = {100, 100.2}, .after = {150, 150.1}}).settled());
  EXPECT_TRUE((Contest{.before = {100, 100.2}, .after = {90, 90.1}}).settled());
  EXPECT_FALSE((Contest{.before = {100, 101}, .after = {103, 104}}).settled());
  EXPECT_FALSE((Contest{.before = {100}, .after = {150}}).settled());
}

TEST(Contest, IsDisturbedWhereRatesOfOneSideDifferByMoreThanAQuarter) {
  const Contest contest{.before = {100, 147}, .after = {300, 301}};
  EXPECT_DOUBLE_EQ(contest.spread(), 0.47);
  EXPECT_TRUE(contest.disturbed());
  EXPECT_FALSE(contest.won()) << "three times the rate, and still no comparison";
  EXPECT_FALSE(contest.settled());
  EXPECT_FALSE((Contest{.before = {100, 147, 100, 147}, .after = {600, 600, 600, 600}}).won())
      << "however far beyond the noise";
}

TEST(Contest, OneHiccupAmongFiveDisturbsNothing) {
  EXPECT_FALSE((Contest{.before = {100, 100, 40, 100, 100}, .after = {150, 150}}).disturbed());
  EXPECT_TRUE((Contest{.before = {100, 100, 40, 100}, .after = {150, 150}}).disturbed()) << "of four it may be more";
  EXPECT_TRUE((Contest{.before = {100, 40, 40, 100, 100}, .after = {150, 150}}).disturbed()) << "two are none";
}

TEST(Contest, TheNoiseOfTheWholeSearchCountsWhereItIsKnown) {
  const Contest known{.before = {100, 101}, .after = {104, 105}, .noise = 0.05, .repeats = 12};
  EXPECT_FALSE(known.won());
  EXPECT_NEAR(known.ratio().half_width, 1.0398 * 2.1 * 0.05, 1e-3);
}

ContestResult run(SimulatedGpu& gpu, const std::vector<Assignment>& after, ContestOptions options = {}) {
  std::vector<Assignment> before = {{"batch_size", "16"}};
  std::vector<Assignment> changed = before;
  changed.insert(changed.end(), after.begin(), after.end());
  options.before_batch = 16;
  options.after_batch = 16;
  return run_contest(gpu, before, changed, options, gpu.control());
}

TEST(RunContest, MeasuresBothInTurnsEachAnewAndEndsWhenItIsSettled) {
  SimulatedGpu gpu({});
  gpu.time_factor = [](const TrialRequest& request) {
    return value_of(request, "compile_model") == "true" ? 0.5 : 1.0;
  };
  const ContestResult result = run(gpu, {{"compile_model", "true"}});
  EXPECT_TRUE(result.rates.won());
  EXPECT_NEAR(result.rates.gain(), 1, 0.05);
  std::vector<std::string> order;
  for (const TrialRequest& request : gpu.asked()) {
    order.push_back(value_of(request, "compile_model"));
    EXPECT_TRUE(request.fresh);
  }
  EXPECT_THAT(order, ElementsAre("", "true", "true", ""));
  EXPECT_FALSE(result.cut_short);
}

TEST(RunContest, NoiseAloneWinsNothing) {
  int won = 0;
  for (unsigned seed = 1; seed <= 100; ++seed) {
    SimulatedCard card;
    card.trial_noise = 0.05;
    SimulatedGpu gpu(card, seed);
    won += run(gpu, {{"channels_last", "true"}}).rates.won() ? 1 : 0;
  }
  EXPECT_LE(won, 6);
}

TEST(RunContest, EndsWithItsTimeAndWinsNothingByOneTrialOfEach) {
  SimulatedGpu gpu({});
  gpu.time_factor = [](const TrialRequest& request) {
    return value_of(request, "compile_model") == "true" ? 0.5 : 1.0;
  };
  ContestOptions options;
  options.budget_s = 8;  // the start of a worker takes four
  const double began = gpu.now_s();
  const ContestResult result = run(gpu, {{"compile_model", "true"}}, options);
  EXPECT_TRUE(result.cut_short);
  EXPECT_LE(gpu.now_s() - began, 8 + 1e-6);
  EXPECT_FALSE(result.rates.won());
}

TEST(RunContest, SaysHowASideFailed) {
  SimulatedCard card;
  card.fails[16] = TrialOutcome::oom;
  SimulatedGpu gpu(card);
  const ContestResult result = run(gpu, {});
  EXPECT_THAT(result.failed.en, testing::HasSubstr("out of memory"));
  EXPECT_EQ(result.trials.size(), 1U);
}

}  // namespace
}  // namespace wring
