#include "wring/tune/search/trial_costs.h"

#include <gtest/gtest.h>

namespace wring {
namespace {

TrialResult ran(double step_ms, std::int64_t steps, double warmup_s) {
  TrialResult result;
  result.samples_per_s = 100;
  result.step_ms = {step_ms, 0, step_ms, steps};
  result.warmup_s = warmup_s;
  return result;
}

// The fault that made a search stop after its first trial: 12 s of start and first kernels, foretold for every other.
TEST(TrialCosts, TheFirstTrialOfAWorkerForetellsNothingOfTheOthers) {
  TrialCosts costs;
  costs.learn(ran(100, 10, 5), 12);
  EXPECT_TRUE(costs.known());
  EXPECT_NEAR(costs.predict_s(100, 1), 1 + 1, 1e-9) << "ten steps of warm-up, and the measurement";
  EXPECT_EQ(costs.start_due_s(), 0) << "the worker runs";
}

TEST(TrialCosts, ALongStepWarmsUpForANumberOfStepsAndAShortOneForATime) {
  TrialCosts costs;
  costs.learn(ran(100, 10, 5), 12);
  costs.learn(ran(10, 100, 0.2), 1.7);  // 0.5 s beside its warm-up and its steps, 20 steps of warm-up
  EXPECT_NEAR(costs.predict_s(10, 1), 0.5 + 0.2 + 1, 1e-9);
  EXPECT_NEAR(costs.predict_s(500, 1), 0.5 + 5 + 1, 1e-9) << "no more than ten steps, where none took as long";
}

TEST(TrialCosts, AfterAFailureAStartIsDue) {
  TrialCosts costs;
  costs.learn(ran(100, 10, 5), 12);   // 6 s of start
  costs.learn(ran(100, 10, 1), 2.5);  // 0.5 s without
  TrialResult oom;
  oom.outcome = TrialOutcome::oom;
  costs.learn(oom, 9);
  EXPECT_NEAR(costs.start_due_s(), 5.5, 1e-9);
  costs.learn(ran(100, 10, 5), 12);
  EXPECT_EQ(costs.start_due_s(), 0);
}

TEST(TrialCosts, WhereEveryTrialStartsItsProgramEveryOneCostsAStart) {
  TrialCosts costs(/*starts_anew=*/true);
  costs.learn(ran(100, 10, 3), 20);
  EXPECT_NEAR(costs.predict_s(100, 1), 16 + 3 + 1, 1e-9);
  EXPECT_EQ(costs.start_due_s(), 0);
}

// It prints a rate each second, whatever its batch is: a step of 8 s by that rate takes no longer to measure.
TEST(TrialCosts, AnotherProgramMeasuresForATimeOfItsOwn) {
  TrialCosts costs(/*starts_anew=*/true);
  costs.learn(ran(400, 8, 0), 1.5);
  EXPECT_NEAR(costs.predict_s(8000, 24), 1.5, 1e-9);
}

TEST(TrialCosts, WhatAnEarlierRunMeasuredCostsNothing) {
  TrialCosts costs;
  TrialResult kept = ran(100, 10, 5);
  kept.reused = true;
  costs.learn(kept, 12);
  EXPECT_TRUE(costs.known());
  costs.learn(ran(100, 10, 5), 12);
  EXPECT_NEAR(costs.predict_s(100, 1), 2, 1e-9) << "this was the worker's first";
}

}  // namespace
}  // namespace wring
