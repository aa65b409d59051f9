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

InsideFinding inside(const std::string& uuid, const std::string& headline, double share) {
  InsideFinding one{uuid, {}, share};
  one.finding.headline = headline;
  return one;
}

std::string inside_of(const JudgedSummary& summary, std::size_t card) {
  const auto& found = summary.findings.at(card).inside;
  return found ? found->headline.en : "";
}

// Two cards of which nothing is known but their numbers.
JudgedSummary two_cards() {
  JudgedSummary summary;
  for (const char* uuid : {"GPU-a-1", "MIG-b-2"}) {
    summary.gpus.emplace_back().gpu.uuid = uuid;
    summary.findings.emplace_back();
  }
  return summary;
}

TEST(InsideFindings, StandAtTheCardOnWhichTheirProcessComputes) {
  JudgedSummary summary = two_cards();
  add_inside(summary, {inside("GPU-a-1", "loader", 20), inside("GPU-a-1", "launches", 50)});
  EXPECT_EQ(inside_of(summary, 0), "launches") << "what gives back most";
  EXPECT_EQ(inside_of(summary, 1), "");
  add_inside(summary, {inside("GPU-b-2", "copies", 10), inside("GPU-c-3", "another card's", 90)});
  EXPECT_EQ(inside_of(summary, 1), "copies") << "torch writes GPU for a part of a card too";
}

TEST(InsideFindings, OfACardThatIsNotKnownStandAtThoseThatAreNotIdle) {
  JudgedSummary summary = two_cards();
  summary.findings[0].verdicts.emplace_back().key = "idle";
  summary.findings[1].verdicts.emplace_back().key = "input_bound";
  add_inside(summary, {inside("", "launches", 50)});
  EXPECT_EQ(inside_of(summary, 0), "");
  EXPECT_EQ(inside_of(summary, 1), "launches");
}

}  // namespace
}  // namespace wring
