#include <gtest/gtest.h>

#include "unit/monitor/serve/served_ticks.h"

namespace wring::serve {
namespace {

using namespace testing_support;

constexpr auto kUtil = static_cast<std::size_t>(Metric::gpu_util);

Tick tick_with_util(double time_s, double value) {
  Tick tick = served_tick(1, time_s);
  (*tick.gpus[0].sample)[Metric::gpu_util] = Reading::of(value);
  return tick;
}

TEST(ServedState, GathersBusySecondsBetweenTwoQuestions) {
  ServedState state(facts(1));
  state.on_tick(tick_with_util(100, 99));  // describes the time before the server was there
  state.on_tick(tick_with_util(101, 50));
  state.on_tick(tick_with_util(103, 100));
  const GpuTotals totals = state.view().gpus[0].totals;
  EXPECT_DOUBLE_EQ(totals.share_s[kUtil], 0.5 + 2);
  EXPECT_DOUBLE_EQ(totals.covered_s[kUtil], 3);
}

TEST(ServedState, CountsALongSilenceForThreeIntervalsOnly) {
  ServedState state(facts(1));
  state.on_tick(tick_with_util(100, 0));
  state.on_tick(tick_with_util(200, 100));
  EXPECT_DOUBLE_EQ(state.view().gpus[0].totals.share_s[kUtil], 3);
}

TEST(ServedState, LeavesOutWhatCannotBe) {
  ServedState state(facts(1));
  state.on_tick(tick_with_util(100, 10));
  state.on_tick(tick_with_util(101, 4294967295.0));
  const GpuTotals totals = state.view().gpus[0].totals;
  EXPECT_EQ(totals.share_s[kUtil], 0);
  EXPECT_EQ(totals.covered_s[kUtil], 0);
}

TEST(ServedState, GathersThrottledSecondsByReason) {
  ServedState state(facts(1));
  for (const double time_s : {100.0, 101.0, 102.0}) {
    Tick tick = served_tick(1, time_s);
    tick.gpus[0].sample->throttle_reasons = time_s == 102 ? std::uint64_t{throttle_power_cap} : 0;
    state.on_tick(tick);
  }
  const GpuTotals totals = state.view().gpus[0].totals;
  EXPECT_DOUBLE_EQ(totals.throttled_s.at(throttle_power_cap), 1);
  EXPECT_DOUBLE_EQ(totals.throttled_s.at(throttle_thermal_hardware), 0);
}

TEST(ServedState, KeepsTheNewestSampleOfACardThatHasNothingNew) {
  ServedState state(facts(1));
  state.on_tick(served_tick(1, 100));
  Tick tick = served_tick(1, 101);
  tick.gpus[0].sample.reset();
  state.on_tick(tick);
  const MonitorView view = state.view();
  ASSERT_TRUE(view.gpus[0].sample);
  EXPECT_EQ(view.gpus[0].sample->time_s, 100);
  EXPECT_FALSE(view.lost(0));
}

TEST(ServedState, ACardWhoseCallHangsShowsNoOldValues) {
  ServedState state(facts(1));
  state.on_tick(served_tick(1, 100));
  Tick tick = served_tick(1, 101);
  tick.gpus[0].sample.reset();
  tick.gpus[0].stuck_for_s = 6;
  state.on_tick(tick);
  EXPECT_FALSE(state.view().gpus[0].sample);
  EXPECT_TRUE(state.view().lost(0));
}

TEST(ServedState, HasNoAgeBeforeTheFirstTick) {
  ServedState state(facts(1));
  EXPECT_EQ(state.view().last_tick_age_s, std::nullopt);
  EXPECT_FALSE(state.view().stalled());
  state.on_tick(served_tick(1, steady_seconds() - 100));
  EXPECT_GE(state.view().last_tick_age_s.value(), 100);
  EXPECT_TRUE(state.view().stalled());
}

}  // namespace
}  // namespace wring::serve
