#include "wring/monitor/serve/plot_history.h"

#include <cmath>

#include <gtest/gtest.h>

#include "unit/monitor/serve/served_ticks.h"

namespace wring::serve {
namespace {

using namespace testing_support;

constexpr auto kUtil = static_cast<std::size_t>(Metric::gpu_util);

TEST(PlotHistory, KeepsOnePointATick) {
  PlotHistory history(2);
  for (int i = 0; i < 5; ++i) history.on_tick(served_tick(2, 1000 + i));
  const auto points = history.last(1e9);
  ASSERT_EQ(points.size(), 5U);
  EXPECT_EQ(points[0].unix_ms, 1'000'000);
  EXPECT_EQ(points[4].gpus[1][kUtil], 87);
  EXPECT_EQ(points[4].host[PlotHistory::host_cpu], 34);
}

TEST(PlotHistory, AveragesFastTicksToOnePointASecond) {
  PlotHistory history(1);
  for (int i = 0; i < 20; ++i) {
    Tick tick = served_tick(1, 1000 + i * 0.1);
    tick.interval_s = 0.1;
    (*tick.gpus[0].sample)[Metric::gpu_util] = Reading::of(i < 10 ? 20 + i : 80);
    history.on_tick(tick);
  }
  const auto points = history.last(1e9);
  ASSERT_EQ(points.size(), 2U);
  EXPECT_FLOAT_EQ(points[0].gpus[0][kUtil], 24.5F);
  EXPECT_FLOAT_EQ(points[1].gpus[0][kUtil], 80);
}

TEST(PlotHistory, HasNotANumberWhereAReadingIsMissing) {
  PlotHistory history(1);
  Tick tick = served_tick(1, 1000);
  (*tick.gpus[0].sample)[Metric::gpu_util] = Reading::failed(15);
  history.on_tick(tick);
  tick.gpus[0].sample.reset();
  history.on_tick(tick);
  for (const auto& point : history.last(1e9)) EXPECT_TRUE(std::isnan(point.gpus[0][kUtil]));
}

TEST(PlotHistory, ForgetsTheOldest) {
  PlotHistory history(1, 3);
  for (int i = 0; i < 5; ++i) history.on_tick(served_tick(1, 1000 + i));
  ASSERT_EQ(history.last(1e9).size(), 3U);
  EXPECT_EQ(history.last(1e9)[0].unix_ms, 1'002'000);
}

TEST(PlotHistory, GivesTheLastSecondsOnly) {
  PlotHistory history(1);
  EXPECT_TRUE(history.last(60).empty());
  for (int i = 0; i < 5; ++i) history.on_tick(served_tick(1, 1000 + i));
  EXPECT_EQ(history.last(2).size(), 3U);
  EXPECT_EQ(history.last(0).size(), 1U);
}

}  // namespace
}  // namespace wring::serve
