// The verdicts on what an H200 really answered, phase by phase of one recording.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/fake_nvml.h"
#include "wring/findings/judged_summary.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::IsEmpty;

// The keys of the verdicts on a minute of the phase [from_s, to_s) of the recording, played again and again.
std::vector<std::string> verdicts_between(double from_s, double to_s) {
  constexpr double kStepS = 0.25;
  FakeNvml nvml;
  const auto telemetry = nvml.open_file("h200_recorded");
  std::vector<GpuSample> samples;
  for (double at_s = from_s; at_s < to_s; at_s += kStepS) {
    nvml.at(at_s);
    samples.push_back(telemetry->sample(0));
  }
  SummaryBuilder builder(telemetry->gpus());
  for (int i = 0; i < 240; ++i) {
    Tick tick;
    tick.time_s = i * kStepS;
    tick.interval_s = kStepS;
    tick.gpus.resize(1);
    tick.gpus[0].sample = samples[static_cast<std::size_t>(i) % samples.size()];
    tick.gpus[0].sample->time_s = tick.time_s;
    builder.on_tick(tick);
  }
  std::vector<std::string> keys;
  const JudgedSummary summary = judged(builder.summary());
  for (const Finding& verdict : summary.findings[0].verdicts) keys.emplace_back(verdict.key);
  return keys;
}

TEST(RecordedVerdict, AnIdleCardIsIdle) {
  EXPECT_THAT(verdicts_between(1, 8), ElementsAre("idle"));
}

TEST(RecordedVerdict, MatrixProductsAreComputeBoundFirstAndAtThePowerLimitSecond) {
  EXPECT_THAT(verdicts_between(10, 18.5), ElementsAre("compute_bound", "power_throttled"));
}

TEST(RecordedVerdict, ACopyOnTheCardIsBoundByMemoryBandwidth) {
  EXPECT_THAT(verdicts_between(23.5, 28.5), ElementsAre("memory_bandwidth_bound"));
}

TEST(RecordedVerdict, CopiesFromTheHostAreInputThoughGpuUtilIsAHundred) {
  EXPECT_THAT(verdicts_between(33, 37), ElementsAre("input_bound"));
}

TEST(RecordedVerdict, CopiesToTheHostAreNotTakenForSmallKernels) {
  EXPECT_THAT(verdicts_between(39, 42), IsEmpty());
}

TEST(RecordedVerdict, TinyKernelsAreLaunchBoundThoughGpuUtilIsLow) {
  EXPECT_THAT(verdicts_between(44, 47), ElementsAre("launch_bound"));
}

}  // namespace
}  // namespace wring
