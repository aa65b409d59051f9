// What one look into a watched program gives its summary.
#include "wring/report/program/inside.h"

#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wring {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

constexpr TextStyle kEnglish{Language::en, true};

// Rank 0 waits for data, rank 1 gave nothing.
InsideReport two_ranks() {
  InsideReport report;
  JudgedProcess& judged = report.ranks.emplace_back();
  judged.seen.process.cwd = "/srv/project";
  judged.seen.process.device = "cuda:0";
  judged.seen.process.device_uuid = "GPU-a";
  judged.seen.steps.n = 50;
  judged.seen.steps.mean_ms = 100;
  judged.seen.trace = ObservedTrace{"/run/user/wring-x/traces/rank0.json.gz", 5};
  judged.shares.emplace().step_ms = 100;
  judged.shares->loader_ms = 75;
  ProgramFinding& found = judged.findings.emplace_back();
  found.finding.key = "input_bound";
  found.finding.headline = {"the GPU waits for data 75 % of a step", "每步有 75% 的时间 GPU 在等数据"};
  found.finding.next_step = {"more worker processes prepare the batches", "用更多 worker 进程准备批次"};
  found.give_back_ms = found.share = 75;
  found.changes.push_back({CodePlace{"/srv/project/train.py", 31}, "DataLoader(…, num_workers=0)", "num_workers=5"});
  report.silent.push_back({7, 1, "warmup", {"rank 1 was still at the warm-up", "rank 1 仍处于“预热”阶段"}});
  return report;
}

TEST(InsideReport, ItsTextHasSharesCausesAndPlacesOfEachRank) {
  EXPECT_THAT(inside_text(two_ranks(), kEnglish),
              AllOf(HasSubstr("inside the program, cuda:0, "), HasSubstr("50 steady steps of 100.00 ms"),
                    HasSubstr("waits for data  75.0"), HasSubstr("1. the GPU waits for data 75 % of a step"),
                    HasSubstr("train.py:31  DataLoader(…, num_workers=0)  →  num_workers=5"),
                    HasSubstr("not measured: rank 1 was still at the warm-up\n")));
}

TEST(InsideReport, WithoutAnythingItIsOneLineWithTheReason) {
  InsideReport report;
  report.reason = {"no process of it stepped a PyTorch optimiser", "没有进程"};
  EXPECT_EQ(inside_text(report, kEnglish), "not seen from inside: no process of it stepped a PyTorch optimiser\n");
  report.way_out = {"run it without -I", "请去掉 -I 再运行"};
  EXPECT_THAT(inside_text(report, kEnglish), HasSubstr("optimiser → run it without -I\n"));
  for (const char sign : inside_text(report, {Language::en, false})) EXPECT_GE(sign, 0);
}

TEST(InsideReport, ItsFindingsAreTheFirstOfEachRankWithTheCardAndThePlace) {
  InsideReport report = two_ranks();
  report.ranks.emplace_back();  // of which no cause is known
  const std::vector<InsideFinding> findings = inside_findings(report);
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].device_uuid, "GPU-a");
  EXPECT_EQ(findings[0].share, 75);
  EXPECT_EQ(findings[0].finding.next_step.en,
            "more worker processes prepare the batches: train.py:31  DataLoader(…, num_workers=0)  →  num_workers=5");
  report.ranks[0].findings[0].changes.clear();
  EXPECT_EQ(inside_findings(report)[0].finding.next_step.en, "more worker processes prepare the batches");
}

TEST(InsideReport, ItsJsonNamesNoTraceThatIsGone) {
  const nlohmann::ordered_json json = inside_json(two_ranks(), Language::en);
  EXPECT_EQ(json["ranks"][0]["findings"][0]["key"], "input_bound");
  EXPECT_EQ(json["ranks"][0]["trace"]["steps"], 5);
  EXPECT_THAT(json.dump(), Not(HasSubstr("/run/user")));
  EXPECT_EQ(json["silent"][0]["pid"], 7);
  EXPECT_EQ(json["silent"][0]["phase"], "warmup");
  EXPECT_TRUE(json["reason"].is_null() && json["way_out"].is_null());
}

}  // namespace
}  // namespace wring
