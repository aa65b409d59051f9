#include "wring/findings/judged_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/telemetry/scripted_telemetry.h"

namespace wring {
namespace {

using namespace testing_support;

std::vector<Tick> half_a_minute(const Values& values, std::optional<double> busiest_core) {
  std::vector<Tick> ticks;
  for (int second = 0; second <= 30; ++second) {
    Tick tick;
    tick.time_s = second;
    tick.interval_s = 1;
    tick.gpus.resize(1);
    tick.gpus[0].sample = sample_at(second, values);
    tick.host.time_s = second;
    tick.host.busiest_core_percent = busiest_core;
    ticks.push_back(tick);
  }
  return ticks;
}

TEST(JudgedSummary, TheBusiestCoreIsInTheSummaryAndInTheEvidence) {
  const std::vector<Tick> ticks = half_a_minute({{Metric::gpu_util, 18}, {Metric::sm_activity, 0.2}}, 97);
  const JudgedSummary summary = judged(summarize(ticks, {card(0)}));
  EXPECT_DOUBLE_EQ(summary.host_busiest_core.value().mean, 97);
  const std::vector<Finding>& verdicts = summary.findings.at(0).verdicts;
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(verdicts[0].key, "launch_bound");
  EXPECT_THAT(verdicts[0].numbers.en, testing::HasSubstr("busiest core 97 %"));
  EXPECT_DOUBLE_EQ(verdicts[0].confidence, 0.65 + 0.15) << "the program that launches is what keeps it busy";
}

TEST(JudgedSummary, OfAWindowHasVerdictsOrSaysWhyNot) {
  const std::vector<Tick> ticks = half_a_minute({{Metric::gpu_util, 0}}, std::nullopt);
  const CardFindings found = judged(summarize(ticks, {card(0)})).findings.at(0);
  ASSERT_EQ(found.verdicts.size(), 1u);
  EXPECT_EQ(found.verdicts[0].key, "idle");
  EXPECT_TRUE(found.no_verdict.empty());
  const CardFindings silent = judged(summarize(std::span(ticks).last(11), {card(0)})).findings.at(0);
  EXPECT_TRUE(silent.verdicts.empty()) << "silent below 20 s of data";
  EXPECT_FALSE(silent.no_verdict.empty());
}

}  // namespace
}  // namespace wring
