// The recogniser on series a second apart: what the card did, and which phase each second is.
#include "wring/telemetry/phase.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wring {
namespace {

// Phases as letters: . no context, u start-up, S steady, v validation or saving, e end.
constexpr std::string_view kLetters = ".uSve";

class Series {
 public:
  explicit Series(double tick_s = 1) : tick_s_(tick_s) {}

  Series& imports(double seconds) { return add(seconds, 0, false); }
  Series& works(double seconds, double work) { return add(seconds, work, true); }
  // One after the other, again and again.
  Series& works(double seconds, const std::vector<double>& in_turn, bool readers_full = false) {
    for (double at = 0; at < seconds - 1e-9; at += tick_s_) {
      tick(in_turn[static_cast<std::size_t>(at / tick_s_ + 0.5) % in_turn.size()], true, readers_full);
    }
    return *this;
  }
  Series& readers_full_for(double seconds, double work) {
    for (double at = 0; at < seconds - 1e-9; at += tick_s_) tick(work, true, true);
    return *this;
  }
  Series& unread(double seconds) {
    for (double at = 0; at < seconds - 1e-9; at += tick_s_) tick(std::nullopt, std::nullopt, false);
    return *this;
  }

  const std::vector<PhaseTick>& ticks() const { return ticks_; }

  // Runs of phases with their seconds: "20. 5u 40S".
  std::string phases(const PhaseFrame& frame) const {
    std::string text;
    const std::vector<Phase> phases = recognise_phases(ticks_, frame);
    for (std::size_t i = 0; i < phases.size();) {
      std::size_t end = i;
      while (end < phases.size() && phases[end] == phases[i]) ++end;
      text += (text.empty() ? "" : " ") + std::to_string(static_cast<int>((end - i) * tick_s_ + 0.5));
      text += kLetters[static_cast<std::size_t>(phases[i])];
      i = end;
    }
    return text;
  }
  std::string of_command() const { return phases({.from_start = true, .steady_before = false, .ended = true}); }
  std::string of_running_command() const { return phases({.from_start = true}); }
  std::string watched() const { return phases({}); }

 private:
  Series& add(double seconds, double work, bool context) {
    for (double at = 0; at < seconds - 1e-9; at += tick_s_) tick(work, context, false);
    return *this;
  }
  void tick(std::optional<double> work, std::optional<bool> context, bool full) {
    ticks_.push_back({tick_s_, work, context, full});
  }

  double tick_s_;
  std::vector<PhaseTick> ticks_;
};

TEST(Phases, OfAnOrdinaryTraining) {
  Series series;
  series.imports(20).works(6, {0, 3, 0, 22, 0, 41}).works(44, {96, 97, 95}).works(2, 0).imports(1);
  EXPECT_EQ(series.of_command(), "20. 6u 44S 3e");
}

TEST(Phases, ASingleReadingThatFellBetweenTwoStepsIsNoPause) {
  Series series;
  series.imports(5).works(40, {90, 91, 90, 20, 92, 90, 91, 90});
  EXPECT_EQ(series.of_command(), "5. 40S");
}

TEST(Phases, BreaksThatComeAgainAreValidationOrSaving) {
  Series series;
  series.imports(20).works(4, {0, 12});
  for (int epoch = 0; epoch < 4; ++epoch) series.works(8, 97).works(3, 30).works(2, 0);
  series.works(6, 97).imports(2);
  EXPECT_EQ(series.of_command(), "20. 4u 8S 5v 8S 5v 8S 5v 8S 5v 6S 2e");
}

TEST(Phases, PausesMayTakeMoreThanHalfOfTheTime) {
  Series series;
  series.imports(20);
  for (int epoch = 0; epoch < 6; ++epoch) series.works(6, 97).works(9, 2);
  series.works(6, 97);
  EXPECT_EQ(series.of_command(), "20. 6S 9v 6S 9v 6S 9v 6S 9v 6S 9v 6S 9v 6S");
}

TEST(Phases, ACardThatStarvesInBurstsHasNoPauses) {
  Series sawtooth;
  sawtooth.imports(20).works(3, 0).works(50, {90, 0, 0, 85, 0}).works(2, 0);
  EXPECT_EQ(sawtooth.of_command(), "20. 3u 49S 3e");
  Series hardly;
  hardly.imports(20).works(3, 0).works(51, {2, 0, 0, 1, 0, 0});
  EXPECT_EQ(hardly.of_command(), "20. 3u 49S 2e");
}

TEST(Phases, WavesOfAFewSecondsAreBurstsToo) {
  Series series;
  series.imports(20).works(60, {80, 82, 81, 0, 0, 0});
  EXPECT_EQ(series.of_command(), "20. 57S 3e");
}

TEST(Phases, WavesOfReadersThatHaveAllTheyCanDoAreNoPauses) {
  Series starves;
  starves.imports(20);
  for (int wave = 0; wave < 5; ++wave) starves.readers_full_for(7, 85).readers_full_for(4, 0);
  starves.readers_full_for(7, 85);
  EXPECT_EQ(starves.of_command(), "20. 62S");
  Series validates;  // its readers rest while it trains
  validates.imports(20);
  for (int wave = 0; wave < 2; ++wave) validates.works(7, 85).readers_full_for(4, 0);
  validates.works(7, 85);
  EXPECT_EQ(validates.of_command(), "20. 7S 4v 7S 4v 7S");
}

TEST(Phases, TryingKernelsAtFullLoadIsStartUp) {
  Series series;
  series.imports(20).works(7, 100).works(40, {9, 10, 9, 11});
  EXPECT_EQ(series.of_command(), "20. 7u 40S");
}

TEST(Phases, WorkThatIsTriedAndALongBreakForCompilingAreStartUp) {
  Series series;
  series.imports(10).works(6, 95).works(15, 0).works(40, 97).works(1, 0);
  EXPECT_EQ(series.of_command(), "10. 21u 40S 1e");
  Series trains_long_before_its_break;
  trains_long_before_its_break.works(30, 97).works(40, 0).works(30, 97);
  EXPECT_EQ(trains_long_before_its_break.of_command(), "30S 40v 30S");
}

TEST(Phases, ALongSaveAtTheEndIsTheEnd) {
  Series series;
  series.imports(20).works(25, 95).works(4, 30).works(30, 0).imports(2);
  EXPECT_EQ(series.of_command(), "20. 25S 36e");
}

TEST(Phases, OfACommandThatStillRunsABreakIsNoEnd) {
  Series series;
  series.imports(20).works(25, 95).works(4, 0);
  EXPECT_EQ(series.of_running_command(), "20. 25S 4v");
  series.works(2, 95);
  EXPECT_EQ(series.of_running_command(), "20. 25S 4v 2S") << "it has just gone on";
}

TEST(Phases, OfAWatchedCardThatIsInUseAlreadyThereIsNoStartUp) {
  Series trains, in_a_pause;
  trains.works(30, {90, 92});
  EXPECT_EQ(trains.watched(), "30S");
  in_a_pause.works(6, 0).works(30, {90, 92});
  EXPECT_EQ(in_a_pause.watched(), "6v 30S");
  Series at_the_end_of_an_epoch;
  at_the_end_of_an_epoch.works(3, 90).works(4, 0).works(30, {90, 92});
  EXPECT_EQ(at_the_end_of_an_epoch.watched(), "3S 4v 30S");
}

TEST(Phases, OfAWatchedCardTwoProgramsOneAfterTheOther) {
  Series series;
  series.imports(10).works(3, 0).works(30, 90).imports(8).works(2, 0).works(30, {40, 42}).imports(5);
  EXPECT_EQ(series.watched(), "10. 3u 30S 8. 2u 30S 5.");
}

TEST(Phases, OfAProgramThatHoldsTheCardAndNeverUsesIt) {
  Series series;
  series.works(30, 0);
  EXPECT_EQ(series.watched(), "30S") << "nothing changes";
  EXPECT_EQ(series.of_command(), "30u") << "it has not begun";
}

TEST(Phases, OfACommandThatNeverHasTheCard) {
  EXPECT_EQ(Series().imports(30).of_command(), "30.");
  EXPECT_EQ(Series().of_command(), "");
}

TEST(Phases, WhatCannotBeReadBelongsToWhatIsAroundIt) {
  Series series;
  series.imports(10).works(20, 90).unread(6).works(20, 90);
  EXPECT_EQ(series.of_command(), "10. 46S");
}

TEST(Phases, OfTicksTenASecondTimesCountAndNotTicks) {
  Series series(0.1);
  series.imports(5).works(1, {0, 30, 0}).works(20, {90, 91, 20, 92}).works(3, 10).works(20, {90, 95}).works(1, 0);
  EXPECT_EQ(series.of_command(), "5. 1u 20S 3v 20S 1e");
}

TEST(Phases, TheRowsAreInTheOrderOfTheEnumeration) {
  for (std::size_t i = 0; i < kPhaseCount; ++i) EXPECT_EQ(static_cast<std::size_t>(phase_rows()[i].phase), i);
}

}  // namespace
}  // namespace wring
