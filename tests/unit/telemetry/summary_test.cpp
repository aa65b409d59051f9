// The arithmetic of the summary, against numbers worked out by hand.
#include "wring/telemetry/summary.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/telemetry/scripted_telemetry.h"

namespace wring {
namespace {

using namespace testing_support;

// One card, one interval of a second; ticks at the times that the test gives.
class SummaryOfOneCard : public testing::Test {
 protected:
  Tick tick_at(double time_s) const {
    Tick tick;
    tick.time_s = time_s;
    tick.interval_s = 1;
    tick.gpus.resize(1);
    return tick;
  }
  void add(double time_s, const Values& values, std::optional<std::uint64_t> throttle = std::nullopt) {
    Tick tick = tick_at(time_s);
    tick.gpus[0].sample = sample_at(time_s, values);
    tick.gpus[0].sample->throttle_reasons = throttle;
    builder_.on_tick(tick);
  }
  void add_nothing(double time_s) { builder_.on_tick(tick_at(time_s)); }
  GpuSummary card() const { return builder_.summary().gpus.at(0); }
  MetricSummary util() const { return card()[Metric::gpu_util].value(); }

  SummaryBuilder builder_{{testing_support::card(0, "NVIDIA GeForce RTX 4070", 12288)}};
};

TEST_F(SummaryOfOneCard, AReadingDescribesTheTimeSinceTheOneBeforeIt) {
  add(100, {{Metric::gpu_util, 77}});  // describes the time before the run
  add(101, {{Metric::gpu_util, 100}});
  add(103, {{Metric::gpu_util, 40}});
  // (100 · 1 + 40 · 2) / 3
  EXPECT_DOUBLE_EQ(util().mean, 60);
  EXPECT_DOUBLE_EQ(util().p50, 40);
  EXPECT_DOUBLE_EQ(util().p95, 100);
  EXPECT_DOUBLE_EQ(util().max, 100);
  EXPECT_DOUBLE_EQ(util().coverage, 1);
  EXPECT_DOUBLE_EQ(builder_.summary().duration_s, 3);
}

TEST_F(SummaryOfOneCard, AGapIsDescribedForThreeIntervalsAndTheRestIsNotCovered) {
  add(0, {{Metric::gpu_util, 50}});
  add(1, {{Metric::gpu_util, 50}});
  for (int second = 2; second < 10; ++second) add_nothing(second);
  add(10, {{Metric::gpu_util, 90}});
  // 50 for 1 s, 90 for 3 s of the 9 s
  EXPECT_DOUBLE_EQ(util().mean, 80);
  EXPECT_DOUBLE_EQ(util().coverage, 0.4);
}

TEST_F(SummaryOfOneCard, AMissingReadingCoversNothingAndIsNotZero) {
  add(0, {{Metric::gpu_util, 80}});
  add(1, {});
  add(2, {{Metric::gpu_util, 80}});
  EXPECT_DOUBLE_EQ(util().mean, 80);
  EXPECT_DOUBLE_EQ(util().coverage, 0.5);
  EXPECT_FALSE(card()[Metric::tensor_activity]);
  EXPECT_FALSE(card().energy_j);
  EXPECT_FALSE(card().peak_memory_mib);
}

TEST_F(SummaryOfOneCard, ImpossibleReadingsAreCountedAndNotAveraged) {
  add(0, {{Metric::gpu_util, 50}});
  add(1, {{Metric::gpu_util, 4294967295.0}});
  add(2, {{Metric::gpu_util, std::numeric_limits<double>::quiet_NaN()}});
  add(3, {{Metric::gpu_util, -1}, {Metric::power, std::numeric_limits<double>::infinity()}});
  add(4, {{Metric::gpu_util, 70}});
  EXPECT_DOUBLE_EQ(util().mean, 70);
  EXPECT_DOUBLE_EQ(util().max, 70);
  EXPECT_DOUBLE_EQ(util().coverage, 0.25);
  EXPECT_EQ(card().rejected, 4);
  EXPECT_EQ(card().samples, 5);
}

TEST_F(SummaryOfOneCard, ReadingsThatTheTelemetryRejectedCountToo) {
  Tick tick = tick_at(0);
  tick.gpus[0].sample = sample_at(0, {});
  (*tick.gpus[0].sample)[Metric::gpu_util] = Reading::failed(Reading::kRejected);
  (*tick.gpus[0].sample)[Metric::power] = Reading::failed(Reading::kNoData);
  builder_.on_tick(tick);
  EXPECT_EQ(card().rejected, 1);
}

TEST_F(SummaryOfOneCard, TheDriversErrorReportsAreCounted) {
  Tick tick = tick_at(0);
  tick.gpus[0].sample = sample_at(0, {});
  tick.gpus[0].sample->xids = {31, 31, 79};
  builder_.on_tick(tick);
  EXPECT_EQ(card().xids, (std::map<std::int64_t, std::int64_t>{{31, 2}, {79, 1}}));
}

TEST_F(SummaryOfOneCard, TheDriversRoundingAboveAHundredIsAHundred) {
  add(0, {});
  add(1, {{Metric::tensor_activity, 100.2}});
  EXPECT_DOUBLE_EQ(card()[Metric::tensor_activity]->mean, 100);
  EXPECT_EQ(card().rejected, 0);
}

TEST_F(SummaryOfOneCard, ShareUnderTenIsOfTheTime) {
  add(0, {{Metric::gpu_util, 0}});
  add(1, {{Metric::gpu_util, 9.9}});
  add(2, {{Metric::gpu_util, 10}});
  add(4, {{Metric::gpu_util, 95}});
  EXPECT_DOUBLE_EQ(util().under_10_share, 0.25);
}

TEST_F(SummaryOfOneCard, PeakMemoryCountsEverySampleAlsoTheFirst) {
  add(0, {{Metric::memory_used, 10035}});
  add(1, {{Metric::memory_used, 9000}});
  EXPECT_DOUBLE_EQ(card().peak_memory_mib.value(), 10035);
  EXPECT_DOUBLE_EQ(card()[Metric::memory_used]->mean, 9000);
}

TEST_F(SummaryOfOneCard, EnergyIsTheDifferenceOfTheCounter) {
  add(0, {{Metric::energy, 1000}, {Metric::power, 1}});
  add(1, {{Metric::energy, 1250}, {Metric::power, 1}});
  add(20, {{Metric::energy, 7000}, {Metric::power, 1}});  // a gap changes nothing: the counter ran on
  EXPECT_DOUBLE_EQ(card().energy_j.value(), 6000);
  EXPECT_TRUE(card().energy_from_counter);
}

TEST_F(SummaryOfOneCard, ACounterThatIsReadLateCountsFromItsFirstReadingOn) {
  add(0, {{Metric::power, 300}});
  add(1, {{Metric::power, 300}});
  add(2, {{Metric::energy, 1000}, {Metric::power, 300}});
  add(3, {{Metric::energy, 1250}, {Metric::power, 300}});
  EXPECT_DOUBLE_EQ(card().energy_j.value(), 250);
}

TEST_F(SummaryOfOneCard, ACounterThatStartsAgainIsBridgedByThePower) {
  add(0, {{Metric::energy, 1000}, {Metric::power, 300}});
  add(1, {{Metric::energy, 1300}, {Metric::power, 300}});
  add(2, {{Metric::energy, 50}, {Metric::power, 200}});  // the driver was loaded anew
  add(3, {{Metric::energy, 350}, {Metric::power, 300}});
  EXPECT_DOUBLE_EQ(card().energy_j.value(), 300 + 200 + 300);
}

TEST_F(SummaryOfOneCard, WithoutACounterEnergyIsPowerTimesTime) {
  add(0, {{Metric::power, 999}});
  add(1, {{Metric::power, 100}});
  add(3, {{Metric::power, 250}});
  EXPECT_DOUBLE_EQ(card().energy_j.value(), 600);
  EXPECT_FALSE(card().energy_from_counter);
}

TEST_F(SummaryOfOneCard, ThrottlingIsTheShareOfTheTimeThatIsKnown) {
  add(0, {}, 0);
  add(1, {}, throttle_power_cap);
  add(2, {}, throttle_thermal_software | throttle_power_cap);
  add(3, {}, std::nullopt);
  add(4, {}, throttle_idle | throttle_application_clocks);
  add(5, {}, 0);
  EXPECT_DOUBLE_EQ(card().throttled_share, 0.5);
  EXPECT_DOUBLE_EQ(card().power_throttled_share, 0.5);
  EXPECT_DOUBLE_EQ(card().heat_throttled_share, 0.25);
}

TEST_F(SummaryOfOneCard, AHardwareSlowdownMustLastTwoSamples) {
  add(0, {}, 0);
  add(1, {}, throttle_hardware);  // as a change of the performance state shows
  add(2, {}, 0);
  add(3, {}, throttle_hardware);
  add(4, {}, throttle_hardware);
  EXPECT_DOUBLE_EQ(card().throttled_share, 0.25);
}

TEST_F(SummaryOfOneCard, ALostCardKeepsWhatItGaveAndSaysWhyItStopped) {
  add(0, {{Metric::gpu_util, 60}});
  add(1, {{Metric::gpu_util, 60}});
  Tick tick = tick_at(2);
  tick.gpus[0].sample = sample_at(2, {});
  tick.gpus[0].sample->problem = GpuProblem{{"GPU is lost", "GPU 已丢失"}, {"reboot", "请重启"}, 15};
  builder_.on_tick(tick);
  EXPECT_DOUBLE_EQ(util().mean, 60);
  EXPECT_DOUBLE_EQ(util().coverage, 0.5);
  EXPECT_EQ(card().problem->code, 15);
  EXPECT_TRUE(builder_.summary().lost_a_card());
}

TEST_F(SummaryOfOneCard, ADriverCallThatIsStuckAtTheEndIsRemembered) {
  add(0, {{Metric::gpu_util, 60}});
  Tick tick = tick_at(13);
  tick.gpus[0].stuck_for_s = 12;
  builder_.on_tick(tick);
  EXPECT_DOUBLE_EQ(card().stuck_for_s.value(), 12);
  EXPECT_TRUE(builder_.summary().lost_a_card());
  add(14, {{Metric::gpu_util, 60}});
  EXPECT_FALSE(card().stuck_for_s);
  EXPECT_FALSE(builder_.summary().lost_a_card());
}

TEST_F(SummaryOfOneCard, UncorrectedErrorsAreThoseOfTheRun) {
  add(0, {{Metric::ecc_uncorrected, 3}});
  EXPECT_FALSE(card().ecc_errors);
  add(1, {{Metric::ecc_uncorrected, 5}});
  EXPECT_DOUBLE_EQ(card().ecc_errors.value(), 2);
}

TEST_F(SummaryOfOneCard, TheHostIsWeighedTheSameWay) {
  for (const auto& [time_s, cpu] : {std::pair{0.0, 10.0}, {1.0, 40.0}, {3.0, 10.0}}) {
    Tick tick = tick_at(time_s);
    tick.host.time_s = time_s;
    tick.host.cpu_percent = cpu;
    builder_.on_tick(tick);
  }
  EXPECT_DOUBLE_EQ(builder_.summary().host_cpu->mean, 20);
  EXPECT_FALSE(builder_.summary().host_iowait);
}

TEST_F(SummaryOfOneCard, BeforeTheFirstTickThereIsNothing) {
  const Summary summary = builder_.summary();
  EXPECT_EQ(summary.ticks, 0);
  EXPECT_EQ(summary.duration_s, 0);
  EXPECT_FALSE(summary.gpus[0][Metric::gpu_util]);
}

TEST(Summarize, IsOfAWindow) {
  std::vector<Tick> ticks;
  for (int second = 0; second <= 30; ++second) {
    Tick tick;
    tick.time_s = second;
    tick.interval_s = 1;
    tick.gpus.resize(1);
    tick.gpus[0].sample = sample_at(second, {{Metric::gpu_util, second}});
    ticks.push_back(tick);
  }
  EXPECT_DOUBLE_EQ(summarize(ticks, {card(0)}).duration_s, 30);
  const Summary ten_seconds = summarize(std::span(ticks).last(11), {card(0)});
  EXPECT_DOUBLE_EQ(ten_seconds.duration_s, 10);
  EXPECT_DOUBLE_EQ(ten_seconds.gpus[0][Metric::gpu_util].value().mean, 25.5);
}

}  // namespace
}  // namespace wring
