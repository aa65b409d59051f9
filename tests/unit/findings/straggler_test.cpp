#include "wring/findings/straggler.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/temporary_folder.h"
#include "wring/monitor/run_metrics.h"
#include "wring/monitor/write/summary_json.h"
#include "wring/monitor/write/summary_text.h"

namespace wring {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<RankLine> lines(const std::vector<int>& slowest, double wait, double spread) {
  std::vector<RankLine> made;
  for (const int rank : slowest) made.push_back({4, rank, wait, spread});
  return made;
}

TEST(Straggler, IsTheRankThatAllOthersWaitForNearlyAlways) {
  const RunSummary run = summarize_ranks("m", lines({2, 2, 1, 2, 2, 2}, 0.14, 0.12));
  ASSERT_TRUE(run.straggler);
  EXPECT_EQ(run.slowest, 2);
  EXPECT_EQ(run.ranks, 4);
  EXPECT_THAT(run.straggler->headline.en, HasSubstr("rank 2"));
  EXPECT_THAT(run.straggler->numbers.en, HasSubstr("slowest in 5 of 6 lines; waits 14.0 % of its time for data, the "
                                                   "quickest 2.0 %"));
}

TEST(Straggler, IsNoneWhereTheRanksTakeTurns) {
  EXPECT_FALSE(summarize_ranks("m", lines({0, 1, 2, 3, 0, 1}, 0.14, 0.12)).straggler);
}

TEST(Straggler, IsNoneWhereAllWaitAlike) {
  const RunSummary run = summarize_ranks("m", lines({2, 2, 2, 2}, 0.3, 0.01));
  EXPECT_FALSE(run.straggler);
  EXPECT_FALSE(run.slowest);
  EXPECT_DOUBLE_EQ(run.spread, 0.01);
}

TEST(Straggler, IsNotNamedOnTwoLines) {
  EXPECT_FALSE(summarize_ranks("m", lines({2, 2}, 0.5, 0.4)).straggler);
  EXPECT_FALSE(summarize_ranks("m", {}).straggler);
}

TEST(Straggler, IsLessCertainWhereEveryRankWaits) {
  const RunSummary alone = summarize_ranks("m", lines({1, 1, 1}, 0.2, 0.15));
  const RunSummary among = summarize_ranks("m", lines({1, 1, 1}, 0.5, 0.15));
  ASSERT_TRUE(alone.straggler && among.straggler);
  EXPECT_GT(alone.straggler->confidence, among.straggler->confidence);
}

class RunMetricsFile : public testing::Test {
 protected:
  void append(const std::string& text) const { std::ofstream(file_, std::ios::app) << text; }
  static std::string line(int slowest) {
    return R"({"step":1,"data_wait_share":0.2,"ranks":2,"slowest_rank":)" + std::to_string(slowest) +
           R"(,"data_wait_spread":0.1})" + "\n";
  }

  testing_support::TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "metrics.jsonl";
};

TEST_F(RunMetricsFile, IsFollowedFromBeforeItIsThere) {
  RunMetrics metrics(folder_.path());
  EXPECT_EQ(metrics.summary().lines, 0U);
  append(line(1) + line(1) + line(1).substr(0, 20));
  EXPECT_EQ(metrics.summary().lines, 2U);
  append(line(1).substr(20));
  EXPECT_EQ(metrics.summary().lines, 3U);
  EXPECT_EQ(metrics.summary().slowest, 1);
}

TEST_F(RunMetricsFile, LinesOfOneRankAndWhatIsNoLineArePassedOver) {
  append("{\"step\":1,\"data_wait_share\":0.2}\nnot json\n[1]\n{\"ranks\":\"two\"}\n" + line(0));
  EXPECT_EQ(RunMetrics(file_).summary().lines, 1U);
}

TEST_F(RunMetricsFile, OnlyTheNewestLinesCount) {
  for (int i = 0; i < 50; ++i) append(line(0));
  RunMetrics metrics(file_);
  EXPECT_EQ(metrics.summary().slowest, 0);
  for (int i = 0; i < 20; ++i) append(line(1));
  EXPECT_EQ(metrics.summary().slowest, 1);
}

TEST_F(RunMetricsFile, AnotherRunOfTheNameBeginsAnew) {
  append(line(0) + line(0) + line(0));
  RunMetrics metrics(file_);
  EXPECT_EQ(metrics.summary().lines, 3U);
  std::filesystem::resize_file(file_, 0);
  append(line(1));
  EXPECT_EQ(metrics.summary().lines, 1U);
}

TEST(RunSummaryText, NamesTheStragglerAndIsSilentWithoutARun) {
  JudgedSummary summary;
  EXPECT_THAT(summary_details(summary, {}), Not(HasSubstr("run ")));
  summary.run = summarize_ranks("experiments/x/metrics.jsonl", lines({3, 3, 3}, 0.3, 0.2));
  const std::string text = summary_details(summary, {});
  EXPECT_THAT(text, HasSubstr("run experiments/x/metrics.jsonl: 4 ranks"));
  EXPECT_THAT(text, HasSubstr("all wait for rank 3"));
  const auto json = summary_json(summary, Language::en, true);
  EXPECT_EQ(json["run"]["slowest_rank"], 3);
  EXPECT_EQ(json["run"]["straggler"]["key"], "straggler");
}

}  // namespace
}  // namespace wring
