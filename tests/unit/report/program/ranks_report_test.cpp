// One verdict for several ranks: in text, and as JSON.
#include "wring/report/program/ranks_report.h"

#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wring {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

ProgramFinding cause(std::string_view key, const char* headline, double give_back_ms) {
  ProgramFinding found;
  found.finding.key = key;
  found.finding.headline = headline;
  found.finding.confidence = 0.9;
  found.give_back_ms = found.share = give_back_ms;
  return found;
}

// Ranks of 100 ms a step, of which the last one's loader takes 40; the others wait that long for it.
JudgedProgram program(std::size_t count) {
  JudgedProgram judged;
  judged.verdict.emplace();
  RanksVerdict& verdict = *judged.verdict;
  verdict.world_size = static_cast<std::int64_t>(count);
  for (std::size_t i = 0; i < count; ++i) {
    JudgedProcess one;
    one.seen.process.rank = static_cast<std::int64_t>(i);
    one.seen.process.world_size = verdict.world_size;
    one.seen.process.cwd = "/srv";
    one.shares = StepShares{};
    one.shares->step_ms = 100;
    one.shares->computing_ms = 60;
    (i + 1 < count ? one.shares->collective_ms : one.shares->loader_ms) = 40;
    one.findings = {cause("synchronisations", "the GPU is idle", 10)};
    verdict.ranks.push_back(one.seen.process.rank);
    judged.ranks.push_back(one);
  }
  const auto last = static_cast<std::int64_t>(count - 1);
  verdict.straggler.emplace();
  verdict.straggler->found = cause("straggler", "straggler: all wait for the last rank", 40);
  verdict.straggler->found.changes.push_back({CodePlace{"/srv/train.py", 31}, "num_workers=0", "num_workers=8"});
  verdict.straggler->own_ms = 100;
  verdict.straggler->reason = "loader";
  verdict.stragglers = {last};
  verdict.causes = {{cause("synchronisations", "the GPU is idle", 10), 0, verdict.ranks},
                    {cause("input_bound", "the GPU waits for data", 40), last, {last}}};
  return judged;
}

std::string text(const JudgedProgram& judged, Language language = Language::en) {
  return ranks_text(judged, {language, true});
}

TEST(RanksReport, SharesStandSideBySideAndACauseOfAllIsSaidOnce) {
  const std::string all = text(program(2));
  EXPECT_THAT(all, HasSubstr("2 ranks, seen together\n"));
  EXPECT_THAT(all, HasSubstr("rank 0  rank 1\n"));
  EXPECT_THAT(all, HasSubstr("only communicates with other ranks    40.0     0.0\n")) << all;
  EXPECT_THAT(all, HasSubstr("of it without other ranks, ms        60.00  100.00\n")) << all;
  EXPECT_THAT(all, HasSubstr("1. straggler: all wait for the last rank (confidence 90%)\n"));
  EXPECT_THAT(all, HasSubstr("     train.py:31  num_workers=0  →  num_workers=8\n"));
  EXPECT_THAT(all, HasSubstr("2. on both ranks: the GPU is idle (confidence 90%)\n"));
  EXPECT_THAT(all, HasSubstr("3. on rank 1: the GPU waits for data (confidence 90%)\n"));
  EXPECT_THAT(text(program(2), Language::zh), HasSubstr("2. 两个 rank 都是：the GPU is idle"));
}

TEST(RanksReport, OfManyRanksTheSpreadAndTheStragglerAreShown) {
  const std::string all = text(program(16));
  EXPECT_THAT(all, HasSubstr("least  median    most  rank 15\n")) << all;
  EXPECT_THAT(all, HasSubstr("on all 16 ranks: the GPU is idle"));
  EXPECT_THAT(all, Not(HasSubstr("rank 14")));
}

TEST(RanksReport, RanksThatWereNotSeenAreSaid) {
  JudgedProgram judged = program(2);
  judged.verdict->world_size = 16;
  for (JudgedProcess& one : judged.ranks) one.seen.process.world_size = 16;
  EXPECT_THAT(text(judged), HasSubstr("2 of 16 ranks, seen together; the others were not measured here\n"));
}

TEST(RanksReport, FactsThatAllRanksShareStandOnce) {
  JudgedProgram judged = program(2);
  judged.ranks[1].seen.cudnn_benchmark = true;
  judged.ranks[1].findings.clear();
  judged.ranks[1].no_finding = "it waits for another rank";
  const auto count = [&](std::size_t rank) { return rank_facts(judged, judged.ranks[rank]).size(); };
  EXPECT_GT(count(0), 3U);
  std::vector<std::string> lines;
  for (const Text& line : rank_facts(judged, judged.ranks[1])) lines.push_back(line.en);
  EXPECT_THAT(lines, Contains(HasSubstr("rank 1 of 2")));
  EXPECT_THAT(lines, Contains(HasSubstr("cudnn.benchmark on")));
  EXPECT_THAT(lines, Contains("no verdict: it waits for another rank"));
  EXPECT_EQ(lines.size(), 3U);
}

TEST(RanksReport, JsonNamesTheStragglerAndTheRanksOfEachCause) {
  const nlohmann::ordered_json json = ranks_json(program(2), Language::en);
  EXPECT_EQ(json["ranks"], nlohmann::json({0, 1}));
  EXPECT_EQ(json["straggler"]["ranks"], nlohmann::json({1}));
  EXPECT_EQ(json["straggler"]["reason"], "loader");
  EXPECT_EQ(json["straggler"]["give_back_ms"], 40);
  EXPECT_EQ(json["causes"].at(0)["ranks"], nlohmann::json({0, 1}));
  EXPECT_EQ(json["causes"].at(1)["key"], "input_bound");
  EXPECT_TRUE(ranks_json(JudgedProgram{}, Language::en).is_null());
}

}  // namespace
}  // namespace wring
