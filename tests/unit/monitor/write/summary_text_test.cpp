#include "wring/monitor/write/summary_text.h"

#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/telemetry/scripted_telemetry.h"
#include "wring/monitor/write/summary_json.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr TextStyle kChinese{Language::zh, true};
constexpr TextStyle kEnglish{Language::en, true};

void put(GpuSummary& card, Metric metric, double mean) {
  MetricSummary summary;
  summary.mean = mean;
  summary.max = mean;
  summary.coverage = 1;
  card.metrics[static_cast<std::size_t>(metric)] = summary;
}

Finding verdict_named(const std::string& name, double confidence) {
  Finding verdict;
  verdict.headline = name;
  verdict.next_step = "do it";
  verdict.confidence = confidence;
  return verdict;
}

// The run of the guide's example.
JudgedSummary guides_run() {
  JudgedSummary summary;
  summary.duration_s = 300;
  summary.interval_s = 1;
  GpuSummary& card = summary.gpus.emplace_back();
  card.gpu = testing_support::card(0, "NVIDIA GeForce RTX 4070", 12288);
  put(card, Metric::gpu_util, 85.3);
  put(card, Metric::memory_used, 0.762 * 12288);
  card.peak_memory_mib = 9.8 * 1024;
  summary.findings.emplace_back();
  return summary;
}

void add_card(JudgedSummary& summary, const GpuSummary& card, std::vector<Finding> verdicts = {}) {
  summary.gpus.push_back(card);
  summary.findings.push_back({std::move(verdicts), {}});
}

TEST(SummaryHeadline, IsTheGuidesFiveLines) {
  EXPECT_EQ(summary_headline(guides_run(), kChinese),
            "📊 监控总结:\n"
            "平均GPU利用率: 85.3%\n"
            "平均显存使用: 76.2%\n"
            "峰值显存使用: 9.8GB\n"
            "✅ GPU利用率良好!\n");
}

TEST(SummaryHeadline, AdvisesAtSeventyPerCentAndBelow) {
  JudgedSummary summary = guides_run();
  put(summary.gpus[0], Metric::gpu_util, 70);
  EXPECT_THAT(summary_headline(summary, kChinese), HasSubstr("\n💡 GPU还有余力"));
  put(summary.gpus[0], Metric::gpu_util, 70.1);
  EXPECT_THAT(summary_headline(summary, kChinese), EndsWith("✅ GPU利用率良好!\n"));
}

TEST(SummaryHeadline, AdvisesWhatTheMostCertainVerdictSays) {
  JudgedSummary summary = guides_run();
  put(summary.gpus[0], Metric::gpu_util, 20);
  Finding verdict;
  verdict.headline = {"input-bound", "输入受限"};
  verdict.next_step = {"raise num_workers", "增大 num_workers"};
  verdict.confidence = 0.8;
  summary.findings[0].verdicts = {verdict};
  EXPECT_THAT(summary_headline(summary, kEnglish), EndsWith("💡 The GPU has room: input-bound. raise num_workers\n"));
}

TEST(SummaryHeadline, WithoutAVerdictItSaysThatItDoesNotKnow) {
  JudgedSummary summary = guides_run();
  put(summary.gpus[0], Metric::gpu_util, 20);
  summary.findings[0].no_verdict = {"the steady part lasted 3 s", "稳定阶段只有 3 秒"};
  EXPECT_THAT(summary_headline(summary, kEnglish),
              EndsWith("💡 The GPU has room; why is not known: the steady part lasted 3 s\n"));
  EXPECT_THAT(summary_headline(summary, kChinese), EndsWith("💡 GPU还有余力，原因未知：稳定阶段只有 3 秒\n"));
  EXPECT_THAT(summary_headline(summary, kChinese), Not(HasSubstr("num_workers"))) << "no advice without evidence";
}

// A program that imports for half of the time and then uses the card well, and the other way round.
TEST(SummaryHeadline, JudgesTheSteadyPartAndSaysWhichMeanIsWhich) {
  JudgedSummary summary = guides_run();
  put(summary.gpus[0], Metric::gpu_util, 48.2);
  SteadyPart& steady = summary.gpus[0].phases.steady;
  steady.covered_s = 20;
  steady.means[static_cast<std::size_t>(Metric::gpu_util)] = 96.4;
  EXPECT_THAT(summary_headline(summary, kEnglish), HasSubstr("Average GPU-Util: 48.2% (steady part: 96.4%)\n"));
  EXPECT_THAT(summary_headline(summary, kChinese), HasSubstr("平均GPU利用率: 48.2%（稳定阶段: 96.4%）\n"));
  EXPECT_THAT(summary_headline(summary, kChinese), EndsWith("✅ GPU利用率良好!（稳定阶段）\n"));
  steady.covered_s = 19.9;
  EXPECT_THAT(summary_headline(summary, kChinese), HasSubstr("平均GPU利用率: 48.2%\n"));
  EXPECT_THAT(summary_headline(summary, kChinese), HasSubstr("\n💡 GPU还有余力"));
}

TEST(SummaryHeadline, HighGpuUtilThatMeansLittleIsNotPraised) {
  JudgedSummary summary = guides_run();
  Finding verdict = verdict_named("launch-bound", 0.8);
  verdict.key = "launch_bound";
  summary.findings[0].verdicts = {verdict};
  EXPECT_THAT(summary_headline(summary, kEnglish), EndsWith("✅ GPU-Util is high, but launch-bound. do it\n"));
  EXPECT_THAT(summary_headline(summary, kChinese), EndsWith("✅ GPU利用率良好! 但launch-bound。do it\n"));
  summary.findings[0].verdicts[0].key = "compute_bound";
  EXPECT_THAT(summary_headline(summary, kChinese), EndsWith("✅ GPU利用率良好!\n"));
}

TEST(SummaryHeadline, MemoryThatIsNearlyFullIsNoReasonForRoom) {
  JudgedSummary summary = guides_run();
  put(summary.gpus[0], Metric::gpu_util, 20);
  Finding full = verdict_named("memory nearly full", 0.7);
  full.key = "memory_nearly_full";
  summary.findings[0].verdicts = {full};
  EXPECT_THAT(summary_headline(summary, kEnglish), EndsWith("💡 The GPU has room; why is not known\n"));
}

TEST(SummaryHeadline, AdvisesWhatWasSeenInsideAndNotWhatTheCardShowed) {
  JudgedSummary summary = guides_run();
  put(summary.gpus[0], Metric::gpu_util, 20);
  summary.findings[0].verdicts = {verdict_named("input-bound", 0.8)};
  summary.findings[0].inside = verdict_named("the GPU waits for launches 60 % of a step", 0.7);
  EXPECT_THAT(summary_headline(summary, kEnglish),
              EndsWith("💡 The GPU has room: the GPU waits for launches 60 % of a step. do it\n"));
  put(summary.gpus[0], Metric::gpu_util, 90);
  EXPECT_THAT(summary_headline(summary, kEnglish),
              EndsWith("✅ GPU-Util is high, but the GPU waits for launches 60 % of a step. do it\n"));
}

TEST(SummaryHeadline, StepsThatNothingHoldsBackAreNoReasonForRoom) {
  JudgedSummary summary = guides_run();
  summary.findings[0].inside = verdict_named("nothing holds it back", 0.9);
  summary.findings[0].inside->key = "compute_bound";
  EXPECT_THAT(summary_headline(summary, kEnglish), EndsWith("✅ The GPU is well used!\n"));
  put(summary.gpus[0], Metric::gpu_util, 20);
  EXPECT_THAT(summary_headline(summary, kEnglish),
              EndsWith("💡 The GPU has room, but not in the steps that were looked at: nothing holds it back. do it\n"));
}

TEST(SummaryDetails, BesideWhatWasSeenInsideStandsWhatTheCardShowedWithoutItsAdvice) {
  JudgedSummary summary = guides_run();
  Finding full = verdict_named("memory nearly full", 0.7);
  full.key = "memory_nearly_full";
  full.next_step = "a smaller batch";
  summary.findings[0].verdicts = {verdict_named("input-bound", 0.8), full};
  EXPECT_THAT(summary_details(summary, kEnglish), HasSubstr("next: do it"));
  summary.findings[0].inside = verdict_named("launches", 0.7);
  const std::string text = summary_details(summary, kEnglish);
  EXPECT_THAT(text, HasSubstr("what the card showed beside it (what was measured inside counts over it):\n"
                              "  ◆ input-bound (confidence 80%)\n"));
  EXPECT_THAT(text, Not(HasSubstr("do it")));
  EXPECT_THAT(text, HasSubstr("next: a smaller batch")) << "no step shows that";
  summary.findings[0].verdicts.clear();
  summary.findings[0].no_verdict = "the card waits";
  EXPECT_THAT(summary_details(summary, kEnglish), Not(HasSubstr("no verdict")));
}

TEST(SummaryJson, HasWhatWasSeenInsideBesideTheVerdicts) {
  JudgedSummary summary = guides_run();
  EXPECT_TRUE(summary_json(summary, Language::en, true).at("gpus").at(0).at("inside_verdict").is_null());
  summary.findings[0].inside = verdict_named("launches", 0.7);
  const auto card = summary_json(summary, Language::en, true).at("gpus").at(0);
  EXPECT_EQ(card.at("inside_verdict").at("headline"), "launches");
  EXPECT_TRUE(card.at("verdicts").empty());
}

TEST(SummaryHeadline, SaysWhyGpuUtilCouldNotBeRead) {
  JudgedSummary summary = guides_run();
  summary.gpus[0].metrics[static_cast<std::size_t>(Metric::gpu_util)].reset();
  EXPECT_THAT(summary_headline(summary, kEnglish), EndsWith("❔ GPU-Util could not be read\n"));
  summary.gpus[0].no_util = GpuProblem{{"MIG is on", "已启用 MIG"}, {"look at its instances", "请看各实例"}, 3};
  EXPECT_THAT(summary_headline(summary, kEnglish),
              EndsWith("❔ GPU-Util could not be read: MIG is on → look at its instances\n"));
  EXPECT_THAT(summary_details(summary, {Language::en, false}),
              HasSubstr("GPU-Util is N/A: MIG is on -> look at its instances\n"));
}

TEST(SummaryHeadline, OfSeveralCardsAdvisesTheOneThatIsUsedLeast) {
  JudgedSummary summary = guides_run();
  put(summary.gpus[0], Metric::gpu_util, 99);
  summary.findings[0].verdicts = {verdict_named("compute-bound", 0.9)};
  GpuSummary idle = summary.gpus[0];
  idle.gpu.index = 1;
  put(idle, Metric::gpu_util, 5);
  add_card(summary, idle, {verdict_named("idle", 0.5)});
  EXPECT_THAT(summary_headline(summary, kEnglish), EndsWith("💡 GPU 1 has room: idle. do it\n"));
}

TEST(SummaryHeadline, AGoodMeanOfSeveralCardsDoesNotHideAnIdleOne) {
  JudgedSummary summary = guides_run();
  for (int index = 1; index < 4; ++index) {
    add_card(summary, GpuSummary(summary.gpus[0]));
    summary.gpus.back().gpu.index = index;
  }
  for (GpuSummary& card : summary.gpus) put(card, Metric::gpu_util, 98);
  EXPECT_THAT(summary_headline(summary, kEnglish), EndsWith("✅ The GPU is well used!\n"));
  put(summary.gpus[2], Metric::gpu_util, 0);
  summary.findings[2].verdicts = {verdict_named("idle", 0.95)};
  summary.findings[2].verdicts[0].key = "idle";
  EXPECT_THAT(summary_headline(summary, kEnglish), EndsWith("✅ GPU-Util is high, but GPU 2 idle. do it\n"));
}

TEST(SummaryHeadline, LeavesALostCardOutUnlessAllAre) {
  JudgedSummary summary = guides_run();
  GpuSummary lost = summary.gpus[0];
  put(lost, Metric::gpu_util, 0);
  lost.problem = GpuProblem{"it fell off the bus", "reboot", 15};
  add_card(summary, lost);
  EXPECT_THAT(summary_headline(summary, kEnglish), HasSubstr("85.3%"));
  summary.gpus.erase(summary.gpus.begin());
  EXPECT_THAT(summary_headline(summary, kEnglish), HasSubstr("0.0%"));
}

TEST(SummaryHeadline, DoesNotCallAFullCardUsedTooMuch) {
  JudgedSummary summary = guides_run();
  put(summary.gpus[0], Metric::gpu_util, 99.9);
  EXPECT_THAT(summary_headline(summary, kChinese), EndsWith("✅ GPU利用率良好!\n"));
}

TEST(SummaryHeadline, TakesTheMeanOverSeveralCardsAndTheLargestPeak) {
  JudgedSummary summary = guides_run();
  GpuSummary second = summary.gpus[0];
  put(second, Metric::gpu_util, 14.7);
  second.peak_memory_mib = 2048;
  add_card(summary, second);
  EXPECT_THAT(summary_headline(summary, kEnglish), HasSubstr("Average GPU-Util: 50.0%\n"));
  EXPECT_THAT(summary_headline(summary, kEnglish), HasSubstr("Peak memory use: 9.8GB\n"));
}

TEST(SummaryHeadline, IsAsciiWhereTheTerminalIs) {
  EXPECT_EQ(summary_headline(guides_run(), {Language::en, false}),
            "Monitor summary:\nAverage GPU-Util: 85.3%\nAverage memory use: 76.2%\nPeak memory use: 9.8GB\n"
            "The GPU is well used!\n");
}

TEST(SummaryDetails, TellsPeakEnergyThrottlingAndWhatIsWrong) {
  JudgedSummary summary = guides_run();
  GpuSummary& card = summary.gpus[0];
  card.energy_j = 36000;
  card.energy_from_counter = true;
  card.throttled_share = 0.25;
  card.power_throttled_share = 0.25;
  card.rejected = 3;
  card.xids = {{79, 1}};
  card.ecc_errors = 2;
  card.problem = GpuProblem{{"GPU is lost", "GPU 已丢失"}, {"reboot", "请重启"}, 15};
  const std::string text = summary_details(summary, kEnglish);
  for (const char* part :
       {"peak memory 9.8GB (largest sample: a lower bound)", "energy 36.00 kJ (0.0100 kWh, the card's counter)",
        "clocks held down 25.0% of the time (by power 25.0%, by heat 0.0%)", "3 impossible readings left out", "Xid 79",
        "2 uncorrected ECC errors", "GPU is lost", "5:00 at 1 s"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(summary_details(guides_run(), kEnglish), Not(HasSubstr("clocks held down")));
}

TEST(SummaryJson, HoldsEverythingWithNullForWhatIsMissing) {
  JudgedSummary summary = guides_run();
  summary.gpus[0].energy_j = 5;
  const nlohmann::json json = nlohmann::json::parse(summary_json(summary, Language::en, true).dump());
  EXPECT_EQ(json.at("complete"), true);
  const auto& card = json.at("gpus").at(0);
  for (const MetricRow& row : metric_rows()) {
    EXPECT_EQ(card.at("metrics").contains(std::string(row.key)), row.kind != MetricKind::counter) << row.key;
  }
  EXPECT_TRUE(card.at("metrics").at("sm_activity").is_null());
  EXPECT_EQ(card.at("metrics").at("gpu_util").at("mean"), 85.3);
  EXPECT_EQ(card.at("energy_from"), "power");
  EXPECT_TRUE(card.at("problem").is_null());
}

}  // namespace
}  // namespace wring
