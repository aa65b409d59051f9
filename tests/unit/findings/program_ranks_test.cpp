// Which rank of a program the others wait for, from planted shares.
#include "wring/findings/program_ranks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/findings/judge.h"

namespace wring {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Ranks that compute 90 ms of a step of 100, and meet in collectives for the rest.
class Ranks {
 public:
  explicit Ranks(std::size_t count) : ranks_(count) {
    for (std::size_t i = 0; i < count; ++i) {
      Rank& rank = ranks_[i];
      rank.seen.process.rank = static_cast<std::int64_t>(i);
      rank.seen.process.device = "cuda:" + std::to_string(i);
      rank.seen.process.device_name = "NVIDIA H200";
      rank.shares.step_ms = 100;
      rank.shares.computing_ms = 90;
      rank.shares.collective_ms = 10;
      rank.work.kernels = 500;
      rank.work.products = {{"bfloat16", 60, 20}};
    }
  }

  struct Rank {
    Observation seen;
    StepShares shares;
    StepWork work;
  };
  Rank& operator[](std::size_t place) { return ranks_[place]; }

  // Takes `ms` more for itself; the step is as long, so its collectives are shorter.
  void slow(std::size_t place, double StepShares::*what, double ms) {
    ranks_[place].shares.*what += ms;
    ranks_[place].shares.collective_ms -= ms;
  }

  // The others wait for it: their steps are as long as its own.
  void hold_up(std::size_t slow_one, double StepShares::*what, double ms) {
    for (std::size_t i = 0; i < ranks_.size(); ++i) {
      ranks_[i].shares.step_ms += ms;
      ranks_[i].shares.*(i == slow_one ? what : &StepShares::collective_ms) += ms;
    }
  }

  std::optional<HeldUpRanks> judged() const {
    std::vector<ProgramInput> inputs;
    for (const Rank& rank : ranks_) inputs.push_back({rank.seen, rank.shares, rank.work});
    return find_straggler(inputs);
  }

 private:
  std::vector<Rank> ranks_;
};

TEST(ProgramRanks, RanksThatAreAlikeHaveNoStraggler) {
  EXPECT_FALSE(Ranks(2).judged());
  EXPECT_FALSE(Ranks(8).judged());
  EXPECT_FALSE(Ranks(1).judged());
}

TEST(ProgramRanks, TheOneThatNeverWaitsWhileTheOthersDoIsNamedWithWhatItDoes) {
  Ranks ranks(4);
  ranks.hold_up(2, &StepShares::loader_ms, 60);
  const auto held = ranks.judged();
  ASSERT_TRUE(held);
  EXPECT_THAT(held->stragglers, ElementsAre(2));
  EXPECT_EQ(held->reason, "loader");
  EXPECT_DOUBLE_EQ(held->own_ms, 150);
  EXPECT_DOUBLE_EQ(held->others_own_ms, 90);
  EXPECT_DOUBLE_EQ(held->others_wait_ms, 60);
  EXPECT_DOUBLE_EQ(held->found.give_back_ms, 60);
  EXPECT_DOUBLE_EQ(held->found.share, 37.5);
  EXPECT_THAT(held->held_up_ms, ElementsAre(60, 60, 0, 60));
  EXPECT_EQ(held->found.finding.key, "straggler");
  EXPECT_THAT(held->found.finding.headline.en, HasSubstr("all wait for rank 2 (cuda:2)"));
  EXPECT_THAT(held->found.finding.headline.zh, HasSubstr("rank 2"));
  EXPECT_THAT(held->found.finding.numbers.en, HasSubstr("it waits for data 60.00 ms longer"));
}

TEST(ProgramRanks, AFewPercentAreNoStraggler) {
  Ranks ranks(2);
  ranks.hold_up(0, &StepShares::computing_ms, 5);
  EXPECT_FALSE(ranks.judged());
  ranks.hold_up(0, &StepShares::computing_ms, 1);
  EXPECT_TRUE(ranks.judged());
}

TEST(ProgramRanks, SlowKernelsAreToldFromMoreOfThem) {
  const auto numbers = [](const auto& change) {
    Ranks ranks(3);
    ranks.hold_up(1, &StepShares::computing_ms, 40);
    change(ranks[1]);
    return ranks.judged().value().found.finding.numbers.en;
  };
  EXPECT_THAT(numbers([](Ranks::Rank&) {}), HasSubstr("as many as with the others, and take longer"));
  EXPECT_THAT(numbers([](Ranks::Rank& rank) { rank.work.products[0].tflop = 28; }),
              HasSubstr("1.40 × the arithmetic of the others"));
  EXPECT_THAT(numbers([](Ranks::Rank& rank) { rank.work.kernels = 800; }),
              HasSubstr("launches 800 kernels a step, the others 500"));
  Ranks clocks(3);
  clocks.hold_up(1, &StepShares::computing_ms, 40);
  for (std::size_t i = 0; i < 3; ++i) clocks[i].seen.card.emplace().sm_clock_mhz = i == 1 ? 1200 : 1980;
  EXPECT_THAT(clocks.judged().value().found.finding.numbers.en, HasSubstr("clock is at 1200 MHz, the others' at 1980"));
  EXPECT_THAT(numbers([](Ranks::Rank& rank) { rank.seen.process.device_name = "NVIDIA A100"; }),
              HasSubstr("another card (NVIDIA A100, the others NVIDIA H200)"));
}

TEST(ProgramRanks, TwoOfEightAreNamedTogetherAndHalfOfThemAreNone) {
  Ranks two(8);
  for (const std::size_t place : {3, 5}) two.slow(place, &StepShares::launch_ms, 9);
  EXPECT_THAT(two.judged().value().stragglers, ElementsAre(3, 5));
  Ranks half(4);
  for (const std::size_t place : {0, 1}) half.slow(place, &StepShares::launch_ms, 9);
  EXPECT_FALSE(half.judged());
}

TEST(ProgramRanks, RanksSeenAtOtherTimesAreNotCompared) {
  Ranks ranks(2);
  ranks.hold_up(0, &StepShares::loader_ms, 60);
  ranks[1].shares.stretch = 0.1;  // its trace saw the other one write its file
  EXPECT_FALSE(ranks.judged());
  ranks[1].shares.stretch = 1;
  EXPECT_TRUE(ranks.judged());
  ranks[1].shares.step_ms = 80;
  EXPECT_FALSE(ranks.judged());
}

TEST(ProgramRanks, WaitingForAStragglerIsNoCauseOfTheCollectives) {
  Ranks ranks(2);
  ranks.hold_up(0, &StepShares::loader_ms, 60);
  const Ranks::Rank& other = ranks[1];
  const auto keys = [&](double held_up_ms) {
    std::string all;
    for (const ProgramFinding& one : diagnose_program({other.seen, other.shares, other.work, held_up_ms})) {
      all += std::string(one.finding.key) + " ";
    }
    return all;
  };
  EXPECT_EQ(keys(0), "collective_bound ");
  EXPECT_EQ(keys(ranks.judged().value().held_up_ms[1]), "collective_bound ");  // 10 of 160 ms are left
  ranks[1].shares.collective_ms = 60;
  EXPECT_EQ(keys(60), "");
}

}  // namespace
}  // namespace wring
