// The cards of a program's processes, sampled from outside in their windows of steps.
#include "wring/agent/card_watch.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "unit/telemetry/scripted_telemetry.h"

namespace wring {
namespace {

using namespace testing_support;
using namespace std::chrono_literals;

AgentClient client(int card, const std::string& phase) {
  AgentClient one;
  one.process.device = "cuda:0";
  one.process.device_uuid = "GPU-" + std::to_string(card);
  one.phase = phase;
  return one;
}

// Two cards: the second one is the busier.
std::shared_ptr<ScriptedTelemetry> cards(std::atomic<int>& asked) {
  return std::make_shared<ScriptedTelemetry>(2, [&asked](std::size_t gpu, int) {
    GpuSample sample =
        sample_at(0, {{Metric::sm_activity, gpu == 0 ? 20 : 80}, {Metric::power, 500}, {Metric::sm_clock, 1980}});
    sample.throttle_reasons = throttle_power_cap;
    asked += gpu == 1 ? 1 : 0;
    return sample;
  });
}

class CardWatchTest : public testing::Test {
 protected:
  // Until the sampler has asked the second card so often more.
  void wait_for(int times) const {
    for (const int wanted = asked_ + times; asked_ < wanted;) std::this_thread::sleep_for(1ms);
  }
  void see(const std::string& phase, int card = 1) { watch_.see({client(card, phase)}); }

  std::atomic<int> asked_ = 0;
  int opened_ = 0;
  CardWatch watch_{[this] {
                     ++opened_;
                     return cards(asked_);
                   },
                   0.002};
};

TEST_F(CardWatchTest, TheCardOfTheProcessIsSummedUpOverItsSteps) {
  see("warmup");
  wait_for(2);
  see("steps");
  wait_for(5);
  EXPECT_FALSE(watch_.of(0));
  see("trace");
  const auto card = watch_.of(0);
  ASSERT_TRUE(card);
  EXPECT_GE(card->readings, 3);
  EXPECT_EQ(card->sm_activity, 80);
  EXPECT_EQ(card->power_w, 500);
  EXPECT_EQ(card->sm_clock_mhz, 1980);
  EXPECT_EQ(card->throttled_by_power, 100);
  EXPECT_EQ(card->throttled_by_heat, 0);
  EXPECT_FALSE(card->tensor_activity);  // no GPM
  EXPECT_EQ(opened_, 1);
}

TEST_F(CardWatchTest, ACardThatTheDriverDoesNotKnowHasNoReadings) {
  for (const char* phase : {"warmup", "steps", "trace"}) see(phase, 7);
  EXPECT_FALSE(watch_.of(0));
}

TEST_F(CardWatchTest, AProcessThatEndsWithinItsStepsKeepsItsReadings) {
  see("steps");
  wait_for(4);
  AgentClient ended = client(1, "steps");
  ended.observation.emplace();
  watch_.see({ended});
  EXPECT_TRUE(watch_.of(0));
}

TEST_F(CardWatchTest, WhatComputesOnTheCpuAsksNoDriver) {
  AgentClient on_cpu = client(0, "steps");
  on_cpu.process.device = "cpu";
  AgentClient unnamed = client(0, "steps");
  unnamed.process.device_uuid = "";
  watch_.see({on_cpu, unnamed});
  EXPECT_EQ(opened_, 0);
}

TEST(CardWatch, WithoutADriverThereIsNothing) {
  CardWatch watch([] { return std::shared_ptr<Telemetry>(); });
  for (const char* phase : {"warmup", "steps", "trace"}) watch.see({client(0, phase)});
  EXPECT_FALSE(watch.of(0));
}

}  // namespace
}  // namespace wring
