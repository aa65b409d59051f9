#include "wring/gpu/nvml/counter_rate.h"

#include <gtest/gtest.h>

#include "wring/gpu/nvml/pace.h"

namespace wring {
namespace {

TEST(CounterRate, IsTheGrowthOverTheTime) {
  CounterRate rate(0.5, 1e9);
  EXPECT_EQ(rate.next(10, 1000).code, Reading::kNoData);
  EXPECT_EQ(rate.next(12, 1400).optional(), 100);
  EXPECT_EQ(rate.next(13, 1400).optional(), 0) << "no growth is a rate of zero";
}

TEST(CounterRate, ACounterOf32BitsMayWrap) {
  CounterRate rate(1, 1000);
  rate.next(0, 0xFFFFFFF0);
  EXPECT_EQ(rate.next(1, 0x10).optional(), 0x20);
}

TEST(CounterRate, ACounterOf64BitsMayWrap) {
  CounterRate rate(1, 1000);
  rate.next(0, 0xFFFFFFFFFFFFFFF0);
  EXPECT_EQ(rate.next(1, 0x10).optional(), 0x20);
}

TEST(CounterRate, AStepBackThatNoWrapExplainsIsARestart) {
  CounterRate rate(1, 1000);
  rate.next(0, 5'000'000);
  EXPECT_EQ(rate.next(1, 7).code, Reading::kNoData) << "4 billion in a second is more than the link carries";
  EXPECT_EQ(rate.next(2, 107).optional(), 100);
}

TEST(CounterRate, WithoutPassedTimeThereIsNoRate) {
  CounterRate rate(1, 1000);
  rate.next(3, 1);
  EXPECT_EQ(rate.next(3, 2).code, Reading::kNoData);
  EXPECT_EQ(rate.next(4, 12).optional(), 10);
  rate.forget();
  EXPECT_EQ(rate.next(5, 22).code, Reading::kNoData);
}

int calls(Pace pace, double tick_s, double seconds) {
  int made = 0;
  for (int i = 0; i * tick_s < seconds - tick_s / 2; ++i) made += pace.due(i * tick_s) ? 1 : 0;
  return made;
}

TEST(Pace, MakesACallEverySoManyTicksWithinItsBounds) {
  EXPECT_EQ(calls(Pace(5, 2, 5), 1, 100), 20) << "every fifth tick";
  EXPECT_EQ(calls(Pace(5, 2, 5), 0.1, 100), 50) << "but not more often than every two seconds";
  EXPECT_EQ(calls(Pace(5, 2, 5), 10, 100), 10) << "and not more rarely than every five";
}

TEST(Pace, ATickThatComesALittleEarlyStillCounts) {
  Pace pace(1, 1, 1);
  EXPECT_TRUE(pace.due(0));
  EXPECT_TRUE(pace.due(0.99));
  EXPECT_FALSE(pace.due(1.5));
}

}  // namespace
}  // namespace wring
