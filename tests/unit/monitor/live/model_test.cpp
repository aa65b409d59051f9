#include "wring/monitor/live/model.h"

#include <gtest/gtest.h>

#include "unit/monitor/live/ticks.h"

namespace wring::live {
namespace {

using namespace testing_support;

TEST(LiveModel, KeepsOneValueATick) {
  const LiveModel model = busy_model(2, 3);
  EXPECT_EQ(model.times_s, (std::vector<double>{1000, 1001, 1002}));
  EXPECT_EQ(model.gpus[1].util, (std::vector<std::optional<float>>{87.0F, 87.0F, 87.0F}));
  EXPECT_EQ(model.gpus[1].power_w.back(), 548.0F);
}

TEST(LiveModel, ForgetsWhatNoTerminalIsWideEnoughFor) {
  const LiveModel model = busy_model(1, 5000);
  EXPECT_LE(model.gpus[0].util.size(), 1024U);
  EXPECT_GE(model.gpus[0].util.size(), 512U);
  EXPECT_EQ(model.gpus[0].util.size(), model.times_s.size());
  EXPECT_EQ(model.times_s.back(), 5999);
}

TEST(LiveModel, ShowsTheLastSampleUntilItIsOld) {
  LiveModel model = busy_model(1, 1);
  Tick nothing_new = busy_tick(1, 1002);
  nothing_new.gpus[0].sample.reset();
  model.absorb(nothing_new);
  EXPECT_TRUE(model.gpus[0].sample);
  nothing_new.time_s = 1004;
  model.absorb(nothing_new);
  EXPECT_FALSE(model.gpus[0].sample);
  EXPECT_EQ(model.gpus[0].util, (std::vector<std::optional<float>>{87.0F, 87.0F, std::nullopt}));
}

TEST(LiveModel, NeverShowsOldValuesOfACardThatIsLost) {
  LiveModel model = busy_model(1, 1);
  Tick lost = busy_tick(1, 1001);
  lost.gpus[0].sample = GpuSample{};
  lost.gpus[0].sample->time_s = 1001;
  lost.gpus[0].sample->problem = GpuProblem{"GPU is lost", "reboot", 15};
  model.absorb(lost);
  EXPECT_FALSE(model.gpus[0].sample);
  EXPECT_EQ(model.gpus[0].problem->code, 15);
  EXPECT_EQ(model.gpus[0].util.back(), std::nullopt);
  model.absorb(busy_tick(1, 1002));
  EXPECT_TRUE(model.gpus[0].sample);
  EXPECT_FALSE(model.gpus[0].problem);
}

TEST(LiveModel, TakesNothingFromADriverCallThatHangs) {
  LiveModel model = busy_model(1, 1);
  Tick stuck = busy_tick(1, 1001);
  stuck.gpus[0] = {std::nullopt, 12.0};
  model.absorb(stuck);
  EXPECT_FALSE(model.gpus[0].sample);
  EXPECT_EQ(model.gpus[0].stuck_for_s, 12.0);
}

TEST(LiveModel, CountsAnImpossibleShareAsMissing) {
  LiveModel model(cards(1));
  Tick tick = busy_tick(1, 1000);
  (*tick.gpus[0].sample)[Metric::gpu_util] = Reading::of(4294967295.0);
  model.absorb(tick);
  EXPECT_EQ(model.gpus[0].util.back(), std::nullopt);
  EXPECT_EQ(model.gpus[0].memory_mib.back(), 9626.0F);
}

TEST(LiveModel, TakesTheDriversRoundingAboveAFullShareForFull) {
  LiveModel model(cards(1));
  Tick tick = busy_tick(1, 1000);
  (*tick.gpus[0].sample)[Metric::gpu_util] = Reading::of(100.4);
  model.absorb(tick);
  EXPECT_EQ(model.gpus[0].util.back(), 100.0F);
}

TEST(LiveModel, BelievesTheHardwareBitWhenItStays) {
  LiveModel model(cards(1));
  const auto absorb = [&](double time_s, std::uint64_t reasons) {
    Tick tick = busy_tick(1, time_s);
    tick.gpus[0].sample->throttle_reasons = reasons;
    model.absorb(tick);
    return model.gpus[0].throttled;
  };
  EXPECT_EQ(absorb(1000, throttle_hardware), 0U);
  EXPECT_EQ(absorb(1001, throttle_hardware), throttle_hardware);
  EXPECT_EQ(absorb(1002, throttle_power_cap | throttle_idle), throttle_power_cap);
}

}  // namespace
}  // namespace wring::live
