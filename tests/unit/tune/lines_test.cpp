#include "wring/tune/lines.h"

#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wring {
namespace {

using testing::HasSubstr;

TEST(Lines, FindsALineThatItsPointsLieOn) {
  const LineFit fit = fit_memory_line(std::vector<LinePoint>{{8, 1060}, {16, 1220}, {32, 1540}, {64, 2180}});
  ASSERT_TRUE(fit.line) << fit.refusal.en;
  EXPECT_NEAR(fit.line->intercept, 900, 1e-6);
  EXPECT_NEAR(fit.line->slope, 20, 1e-6);
  EXPECT_NEAR(fit.line->residual, 0, 1e-6);
  EXPECT_EQ(fit.line->from, 8);
  EXPECT_EQ(fit.line->to, 64);
  EXPECT_EQ(fit.line->sizes, 4);
}

TEST(Lines, NeedsThreeSizesHoweverManyPoints) {
  const LineFit fit = fit_time_line(std::vector<LinePoint>{{8, 1}, {8, 1.1}, {16, 2}, {16, 2.1}});
  EXPECT_FALSE(fit.line);
  EXPECT_THAT(fit.refusal.en, HasSubstr("2 measured sizes, a line needs 3"));
  EXPECT_FALSE(fit.refusal.zh.empty());
}

TEST(Lines, IsNotBentByOneWildPoint) {
  std::vector<LinePoint> points;
  for (const std::int64_t batch : {8, 16, 24, 32, 48, 64})
    points.push_back({batch, 5 + 0.5 * static_cast<double>(batch)});
  points[4].value *= 1.6;
  const LineFit fit = fit_time_line(points);
  ASSERT_TRUE(fit.line) << fit.refusal.en;
  EXPECT_NEAR(fit.line->slope, 0.5, 0.01);
  EXPECT_NEAR(fit.line->intercept, 5, 0.3);
  EXPECT_EQ(fit.line->outliers, 1);
}

TEST(Lines, GivesTheLargestDistanceAsItsResidual) {
  std::vector<LinePoint> points;
  std::mt19937 random(3);
  std::uniform_real_distribution<double> off(-12, 12);
  double largest = 0;
  for (std::int64_t batch = 8; batch <= 128; batch += 8) {
    const double error = off(random);
    largest = std::max(largest, std::abs(error));
    points.push_back({batch, 800 + 25 * static_cast<double>(batch) + error});
  }
  const LineFit fit = fit_memory_line(points);
  ASSERT_TRUE(fit.line);
  EXPECT_NEAR(fit.line->residual, largest, 6);
  EXPECT_NEAR(fit.line->at(64), 2400, 12);
}

TEST(Lines, RefusesWhatDoesNotGrow) {
  const LineFit fit = fit_memory_line(std::vector<LinePoint>{{8, 1000}, {16, 1000}, {32, 1000}});
  EXPECT_FALSE(fit.line);
  EXPECT_THAT(fit.refusal.en, HasSubstr("does not grow with the batch from 8 to 32"));
}

TEST(Lines, RefusesPointsThatLieOnNoLine) {
  const LineFit fit = fit_memory_line(std::vector<LinePoint>{{8, 1000}, {16, 5000}, {24, 1200}, {32, 6000}});
  EXPECT_FALSE(fit.line);
  EXPECT_THAT(fit.refusal.en, HasSubstr("lie on no line"));
}

TEST(Lines, GivesRatesAndTheBatchForAShareOfTheAsymptote) {
  const Line line{.intercept = 4, .slope = 0.5};
  EXPECT_DOUBLE_EQ(asymptotic_rate(line), 2000);
  EXPECT_DOUBLE_EQ(predicted_rate(line, 8), 1000);
  EXPECT_NEAR(batch_for_share(line, 0.95), 19 * 8, 1e-9);  // 19 α/β
  EXPECT_EQ(batch_for_share(Line{.intercept = -1, .slope = 0.5}, 0.95), 0);
}

TEST(Lines, GivesTheLargestBatchUnderALimit) {
  const Line line{.intercept = 900, .slope = 20};
  EXPECT_EQ(largest_batch(line, 2900), 100);
  EXPECT_EQ(largest_batch(line, 2899), 99);
  EXPECT_EQ(largest_batch(line, 900), 0);
  EXPECT_EQ(largest_batch(line, 100), 0);
}

TEST(Lines, PreferWhatTheAllocatorReservedToWhatWasAllocated) {
  TrialMemory memory;
  EXPECT_FALSE(measured_peak_mib(memory));
  memory.peak_allocated_mib = 900;
  EXPECT_EQ(measured_peak_mib(memory), 900);
  memory.peak_reserved_mib = 1200;
  EXPECT_EQ(measured_peak_mib(memory), 1200);
}

TEST(Lines, CountWhatOtherProcessesHoldAsLost) {
  TrialMemory memory;
  EXPECT_FALSE(device_capacity_mib(memory));
  memory.device_total_mib = 24000;
  EXPECT_EQ(device_capacity_mib(memory), 24000);
  memory.device_free_mib = 10000;
  memory.peak_reserved_mib = 4000;
  EXPECT_EQ(device_capacity_mib(memory), 14000);
}

}  // namespace
}  // namespace wring
