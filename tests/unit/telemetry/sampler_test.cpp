#include "wring/telemetry/sampler.h"

#include <algorithm>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "unit/telemetry/scripted_telemetry.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::IsEmpty;

GpuSample busy(std::size_t, int) {
  return sample_at(0, {{Metric::gpu_util, 87}});
}

SamplerOptions every(double interval_s) {
  SamplerOptions options;
  options.interval_s = interval_s;
  options.overdue_s = 0.05;
  return options;
}

TEST(Sampler, HandsTheSamplesOfEveryCardToEverySinkFromTheStart) {
  Sampler sampler(std::make_shared<ScriptedTelemetry>(2, busy), every(0.02));
  Recorder first, second;
  sampler.add(first);
  sampler.add(second);
  sampler.start();
  ASSERT_TRUE(second.wait_for([](const auto& ticks) { return ticks.size() >= 3; }));
  sampler.stop();
  ASSERT_EQ(first.ticks().size(), second.ticks().size());
  const Tick tick = first.ticks().front();
  ASSERT_EQ(tick.gpus.size(), 2u);
  for (const GpuTick& gpu : tick.gpus) {
    ASSERT_TRUE(gpu.sample);
    EXPECT_EQ((*gpu.sample)[Metric::gpu_util].value, 87);
    EXPECT_LE(gpu.sample->time_s, tick.time_s);
  }
  EXPECT_EQ(tick.interval_s, 0.02);
  EXPECT_GT(tick.unix_ms, 1'600'000'000'000);
  EXPECT_FALSE(sampler.left_a_call_behind());
}

TEST(Sampler, KeepsItsScheduleHoweverLongEachTickTakes) {
  // Every call takes a third of the interval. A clock that waited an interval after each tick would fall behind by
  // that third every time.
  Sampler sampler(std::make_shared<ScriptedTelemetry>(1,
                                                      [](std::size_t gpu, int call) {
                                                        std::this_thread::sleep_for(std::chrono::milliseconds(30));
                                                        return busy(gpu, call);
                                                      }),
                  every(0.09));
  Recorder recorder;
  sampler.add(recorder);
  sampler.start();
  ASSERT_TRUE(recorder.wait_for([](const auto& ticks) { return ticks.size() >= 12; }));
  sampler.stop();
  const auto ticks = recorder.ticks();
  const Tick& last = ticks[11];
  // Ticks that could not be kept are counted, so time is always ticks and missed ones, on any machine.
  const double steps = (last.time_s - ticks[0].time_s) / 0.09;
  EXPECT_NEAR(steps, 11 + static_cast<double>(last.missed), 1.5);
}

TEST(Sampler, CountsTheTicksThatASlowSinkMadeItMiss) {
  struct Slow : TickSink {
    void on_tick(const Tick&) override { std::this_thread::sleep_for(std::chrono::milliseconds(60)); }
  } slow;
  Sampler sampler(std::make_shared<ScriptedTelemetry>(1, busy), every(0.01));
  Recorder recorder;
  sampler.add(slow);
  sampler.add(recorder);
  sampler.start();
  ASSERT_TRUE(recorder.wait_for([](const auto& ticks) { return ticks.size() >= 3; }));
  sampler.stop();
  EXPECT_GE(recorder.ticks().back().missed, 5);
}

TEST(Sampler, ACallThatNeverComesBackStopsNothingElse) {
  const auto gate = std::make_shared<Gate>();
  Recorder recorder;
  {
    Sampler sampler(std::make_shared<ScriptedTelemetry>(2,
                                                        [gate](std::size_t gpu, int call) {
                                                          if (gpu == 1 && call == 1) gate->wait();
                                                          return busy(gpu, call);
                                                        }),
                    every(0.02));
    sampler.add(recorder);
    sampler.start();
    ASSERT_TRUE(
        recorder.wait_for([](const auto& ticks) { return !ticks.empty() && ticks.back().gpus[1].stuck_for_s; }));
    const std::size_t then = recorder.ticks().size();
    ASSERT_TRUE(recorder.wait_for([&](const auto& ticks) { return ticks.size() >= then + 3; }));
    const Tick tick = recorder.ticks().back();
    EXPECT_TRUE(tick.gpus[0].sample) << "the other card goes on";
    EXPECT_FALSE(tick.gpus[0].stuck_for_s);
    EXPECT_FALSE(tick.gpus[1].sample);
    EXPECT_GE(tick.gpus[1].stuck_for_s.value(), 0.05);
    sampler.stop();
    EXPECT_TRUE(sampler.left_a_call_behind());
  }
  gate->open();  // the abandoned thread owns what it needs, also after the sampler is gone
}

TEST(Sampler, ACallThatComesBackLateIsShownAndTheCardGoesOn) {
  const auto gate = std::make_shared<Gate>();
  Sampler sampler(std::make_shared<ScriptedTelemetry>(1,
                                                      [gate](std::size_t gpu, int call) {
                                                        if (call == 1) gate->wait();
                                                        return busy(gpu, call);
                                                      }),
                  every(0.02));
  Recorder recorder;
  sampler.add(recorder);
  sampler.start();
  ASSERT_TRUE(recorder.wait_for([](const auto& ticks) { return !ticks.empty() && ticks.back().gpus[0].stuck_for_s; }));
  gate->open();
  const std::size_t then = recorder.ticks().size();
  EXPECT_TRUE(
      recorder.wait_for([&](const auto& ticks) { return ticks.size() > then + 2 && ticks.back().gpus[0].sample; }));
  EXPECT_FALSE(recorder.ticks().back().gpus[0].stuck_for_s);
  sampler.stop();
  EXPECT_FALSE(sampler.left_a_call_behind());
}

TEST(Sampler, MakesALastTickOfTheTimeThatIsLeft) {
  Sampler sampler(std::make_shared<ScriptedTelemetry>(1, busy), every(3600));
  Recorder recorder;
  sampler.add(recorder);
  sampler.start();
  ASSERT_TRUE(recorder.wait_for([](const auto& ticks) { return ticks.size() == 1; }));
  sampler.set_interval(0.001);  // so that the time until stop() is more than a quarter of an interval
  ASSERT_TRUE(recorder.wait_for([](const auto& ticks) { return ticks.size() >= 3; })) << "the new interval is used";
  sampler.set_interval(3600);
  sampler.stop();
  EXPECT_TRUE(recorder.ticks().back().gpus[0].sample);
}

TEST(Sampler, ATickThatIsAskedForIsThereWhenTheCallReturns) {
  const auto count = [](std::size_t, int call) { return sample_at(0, {{Metric::gpu_util, call}}); };
  Sampler sampler(std::make_shared<ScriptedTelemetry>(1, count), every(3600));
  Recorder recorder;
  sampler.add(recorder);
  for (std::size_t i = 0; i < 3; ++i) {
    sampler.tick_now();
    ASSERT_EQ(recorder.ticks().size(), i + 1);
    ASSERT_TRUE(recorder.ticks()[i].gpus[0].sample) << "the sampler starts with the first one";
    EXPECT_EQ((*recorder.ticks()[i].gpus[0].sample)[Metric::gpu_util].value, static_cast<double>(i));
  }
}

TEST(Sampler, ASinkThatThrowsIsReportedOnceAndTheOthersGoOn) {
  struct Broken : TickSink {
    void on_tick(const Tick&) override { throw Error(ErrorCode::failed, "the disk is full"); }
  } broken;
  std::vector<std::string> errors;
  SamplerOptions options = every(0.01);
  options.on_sink_error = [&](const Error& error) { errors.push_back(error.message().en); };
  Sampler sampler(std::make_shared<ScriptedTelemetry>(1, busy), options);
  Recorder recorder;
  sampler.add(broken);
  sampler.add(recorder);
  sampler.start();
  ASSERT_TRUE(recorder.wait_for([](const auto& ticks) { return ticks.size() >= 3; }));
  sampler.stop();
  EXPECT_THAT(errors, testing::ElementsAre("the disk is full"));
}

TEST(Sampler, ItsTicksTellWhatTheFollowedProgramDoes) {
  Sampler sampler(std::make_shared<ScriptedTelemetry>(1, busy), every(0.1));
  Recorder recorder;
  sampler.add(recorder);
  sampler.follow(::getpid());
  sampler.start();
  const auto has_program = [](const auto& ticks) {
    return std::ranges::any_of(ticks, [](const Tick& tick) { return tick.program.has_value(); });
  };
  EXPECT_TRUE(recorder.wait_for(has_program));
  sampler.stop();
}

TEST(Sampler, WithoutCardsTheHostIsStillMeasured) {
  Sampler sampler(std::make_shared<ScriptedTelemetry>(0, busy), every(0.02));
  Recorder recorder;
  sampler.add(recorder);
  sampler.start();
  ASSERT_TRUE(recorder.wait_for([](const auto& ticks) { return ticks.size() >= 2; }));
  sampler.stop();
  EXPECT_THAT(recorder.ticks()[0].gpus, IsEmpty());
  EXPECT_TRUE(recorder.ticks()[0].host.memory_total_mib);
}

}  // namespace
}  // namespace wring
