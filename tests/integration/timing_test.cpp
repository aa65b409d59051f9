#include "wring_train/measure/timing.h"

#include <vector>

#include <gtest/gtest.h>

namespace wring {
namespace {

// Steps that all take the same time; counts them.
class EvenSteps {
 public:
  explicit EvenSteps(double step_ms) : step_ms_(step_ms) {}

  TimedSteps timed() {
    return [this](int steps) {
      run_ += steps;
      return step_ms_;
    };
  }
  int run() const { return run_; }

 private:
  double step_ms_;
  int run_ = 0;
};

TEST(MeasuredSteps, StepsOfSecondsAreWarmedUpWithTwo) {
  EvenSteps steps(10'000);
  EXPECT_EQ(warm_up({.max_seconds = 1.5}, steps.timed()), 10'000);
  EXPECT_EQ(steps.run(), 2);
}

TEST(MeasuredSteps, ShortStepsAreWarmedUpUntilTwoWindowsAgree) {
  EvenSteps steps(10);
  EXPECT_EQ(warm_up({.max_seconds = 1.5}, steps.timed()), 10);
  EXPECT_EQ(steps.run(), 2 + 10);  // a window of 100 ms
}

TEST(MeasuredSteps, TwoStepsAreEnoughWhereTheTimeIsOver) {
  EvenSteps steps(10'000);
  const StepTimes times = measure_steps({.max_seconds = 1.5, .min_steps = 3}, 10'000, steps.timed());
  EXPECT_EQ(times.n, 2);
  EXPECT_EQ(times.median, 10'000);
}

TEST(MeasuredSteps, AsManyStepsAsAskedForWhileThereIsTime) {
  EvenSteps steps(10);
  EXPECT_GE(measure_steps({.min_seconds = 0, .max_seconds = 60, .rel_ci = 1, .min_steps = 40}, 10, steps.timed()).n,
            40);
}

}  // namespace
}  // namespace wring
