// Where steps end in a trace: by the agent's marks, else by the ranges of the optimiser.
#include "wring/trace/marks.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/trace/planted_trace.h"
#include "wring/trace/step_shares.h"
#include "wring/trace/step_window.h"

namespace wring {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string kAdam = "Optimizer.step#Adam.step";

TEST(Marks, TheAgentsAreTakenWhereThereAreAny) {
  const StepMarks marks =
      find_marks(PlantedTrace().mark(10).annotation(kAdam, 12, 3).mark(20).annotation(kAdam, 22, 3).trace());
  EXPECT_THAT(marks.at_ns, ElementsAre(10'000, 20'000));
  EXPECT_EQ(marks.thread, PlantedTrace::kStepper);
  EXPECT_EQ(marks.optimizer, "");
}

TEST(Marks, ElseStepsEndWithTheOptimisersButForTheLastInWhichTheProfilerStops) {
  const StepMarks marks = find_marks(
      PlantedTrace().on(7).annotation(kAdam, 10, 5).annotation(kAdam, 30, 6).annotation(kAdam, 50, 5).trace());
  EXPECT_THAT(marks.at_ns, ElementsAre(15'000, 36'000));
  EXPECT_EQ(marks.thread, 7);
  EXPECT_EQ(marks.optimizer, "Adam");
}

TEST(Marks, TheOptimiserThatStepsMostOftenCounts) {
  PlantedTrace planted;
  planted.annotation("Optimizer.step#SGD.step", 1, 1);
  for (int i = 0; i < 4; ++i) planted.annotation(kAdam, 10 * i + 5, 1);
  planted.annotation("Optimizer.step#SGD.step", 30, 1).annotation("Optimizer.zero_grad#SGD.zero_grad", 32, 1);
  EXPECT_EQ(find_marks(planted.trace()).optimizer, "Adam");
  EXPECT_EQ(find_marks(planted.trace()).at_ns.size(), 3U);
}

TEST(Marks, TwoOptimisersOfOneClassAreOneStepForABatch) {
  PlantedTrace planted;
  for (int i = 0; i < 5; ++i) {
    planted.loader(100 * i, 5).annotation(kAdam, 100 * i + 20, 5).annotation(kAdam, 100 * i + 60, 5);
  }
  EXPECT_THAT(find_marks(planted.trace()).at_ns, ElementsAre(25'000, 125'000, 225'000, 325'000, 425'000));
}

TEST(Marks, ManyStepsOnABatchAreManySteps) {
  PlantedTrace planted;
  planted.loader(0, 1);
  for (int i = 0; i < 12; ++i) planted.annotation(kAdam, 10 * i + 2, 1);
  planted.loader(60, 1);
  EXPECT_EQ(find_marks(planted.trace()).at_ns.size(), 11U);
}

TEST(Marks, SeveralBatchesToAStepAreOneStep) {
  PlantedTrace planted;
  for (int i = 0; i < 6; ++i) planted.loader(10 * i, 2);
  planted.annotation(kAdam, 18, 1).annotation(kAdam, 38, 1).annotation(kAdam, 58, 1);
  EXPECT_THAT(find_marks(planted.trace()).at_ns, ElementsAre(19'000, 39'000));
}

TEST(Marks, WithoutAnOptimiserOrWithOneStepThereAreNone) {
  EXPECT_THAT(find_marks(PlantedTrace().loader(0, 1).op("aten::mm", 2, 3).trace()).at_ns, IsEmpty());
  EXPECT_THAT(find_marks(PlantedTrace().annotation(kAdam, 2, 3).trace()).at_ns, IsEmpty());
}

TEST(Marks, StepsAreDividedByTheOptimisersRangesToo) {
  PlantedTrace planted;
  for (int i = 0; i < 4; ++i) {
    const double at = 1000.0 * i;
    planted.loader(at + 10, 400).op("aten::mm", at + 420, 20).kernel(at + 425, {at + 430, 500});
    planted.annotation(kAdam, at + 980, 10);
  }
  const DividedSteps divided = divide_steps(planted.trace(), 1.0, 0.4);
  ASSERT_TRUE(divided.shares) << divided.reason.en;
  EXPECT_EQ(divided.shares->steps, 2);
  EXPECT_NEAR(divided.shares->computing_ms, 0.5, 0.01);
  EXPECT_NEAR(divided.shares->loader_ms, 0.4, 0.06);
}

}  // namespace
}  // namespace wring
