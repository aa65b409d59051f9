#include "wring/telemetry/distribution.h"

#include <gtest/gtest.h>

namespace wring {
namespace {

TEST(Distribution, WeighsByTime) {
  Distribution values(Distribution::Bins::tenths);
  values.add(100, 1);
  values.add(0, 3);
  EXPECT_DOUBLE_EQ(values.mean(), 25);
  EXPECT_DOUBLE_EQ(values.quantile(0.5), 0);
  EXPECT_DOUBLE_EQ(values.quantile(0.75), 0);
  EXPECT_DOUBLE_EQ(values.quantile(0.76), 100);
  EXPECT_DOUBLE_EQ(values.max(), 100);
  EXPECT_DOUBLE_EQ(values.share_below(10), 0.75);
  EXPECT_NEAR(values.deviation(), 43.301270, 1e-6) << "sqrt((75² + 3 · 25²) / 4)";
}

TEST(Distribution, ShareBelowAWholeTenthIsExact) {
  Distribution values(Distribution::Bins::tenths);
  for (int tenth = 0; tenth < 1000; ++tenth) values.add(tenth / 10.0, 1);
  EXPECT_DOUBLE_EQ(values.share_below(10), 0.1);
  EXPECT_DOUBLE_EQ(values.quantile(0.5), 49.9);
  EXPECT_DOUBLE_EQ(values.quantile(0.95), 94.9);
}

TEST(Distribution, AValueThatStaysTheSameIsExactHoweverLarge) {
  Distribution values(Distribution::Bins::one_percent);
  for (int i = 0; i < 1000; ++i) values.add(143771, 0.1);
  EXPECT_NEAR(values.quantile(0.5), 143771, 1e-6);
  EXPECT_NEAR(values.deviation(), 0, 1e-3);
}

TEST(Distribution, QuantilesOfLargeValuesAreWithinOnePerCent) {
  Distribution values(Distribution::Bins::one_percent);
  for (int watt = 1; watt <= 700; ++watt) values.add(watt, 1);
  EXPECT_NEAR(values.quantile(0.5), 350, 3.5);
  EXPECT_NEAR(values.quantile(0.95), 665, 6.65);
  EXPECT_DOUBLE_EQ(values.mean(), 350.5);
}

TEST(Distribution, AReadingWithoutTimeCountsForTheMaximumAndStandsInWhenItIsAlone) {
  Distribution values(Distribution::Bins::tenths);
  EXPECT_TRUE(values.empty());
  values.add(90, 0);
  EXPECT_FALSE(values.empty());
  EXPECT_DOUBLE_EQ(values.mean(), 90);
  EXPECT_DOUBLE_EQ(values.quantile(0.5), 90);
  values.add(50, 2);
  EXPECT_DOUBLE_EQ(values.mean(), 50);
  EXPECT_DOUBLE_EQ(values.max(), 90);
}

}  // namespace
}  // namespace wring
