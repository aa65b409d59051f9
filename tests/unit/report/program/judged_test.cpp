#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "wring/report/program/json.h"
#include "wring/report/program/text.h"

namespace wring {
namespace {

JudgedProcess waits_for_data() {
  JudgedProcess judged;
  judged.seen.process.cwd = "/srv/project";
  judged.shares = StepShares{};
  judged.shares->step_ms = 100;
  judged.shares->computing_ms = 25;
  judged.shares->loader_ms = 75;
  judged.work = StepWork{};
  judged.work->kinds = {{KernelKind::product, 20, 0, 40, ""}};
  ProgramFinding found;
  found.finding.key = "input_bound";
  found.finding.headline = {"the GPU waits for data 75 % of a step", "每步有 75% 的时间 GPU 在等数据"};
  found.finding.numbers = {"75 ms of 100", "100 ms 中的 75 ms"};
  found.finding.rule = {"5 % and more", "5% 以上"};
  found.finding.next_step = {"more processes prepare batches", "用更多进程准备批次"};
  found.finding.confidence = 0.95;
  found.give_back_ms = 75;
  found.share = 75;
  found.changes.push_back({CodePlace{"/srv/project/train.py", 31},
                           "DataLoader(…, num_workers=0)",
                           "num_workers=5",
                           ResultsEffect::exact,
                           {"75 % of a step waits here", "每步有 75% 的时间在此等待"}});
  found.changes.push_back({{}, "", "torch.compile(model)", ResultsEffect::rounding});
  judged.findings = {found};
  return judged;
}

TEST(JudgedText, WhatMayGiveBackMoreIsNotSaidToBeTheMost) {
  JudgedProcess judged = waits_for_data();
  judged.findings[0].at_most = false;
  EXPECT_NE(judged_text(judged, {Language::en, true}).find("gives back about 75.00 ms"), std::string::npos);
}

TEST(JudgedText, SharesStandWithBarsAndChangesWithTheirPlaces) {
  const std::string text = judged_text(waits_for_data(), {Language::en, true});
  EXPECT_NE(text.find("  GPU computes    25.0  25.00  ██████████\n"), std::string::npos) << text;
  EXPECT_NE(text.find("waits for data  75.0  75.00  ██████████████████████████████\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("collective"), std::string::npos);  // what takes nothing has no row
  EXPECT_NE(text.find("kernels, in % of a step: convolutions and products 20 %\n"), std::string::npos) << text;
  EXPECT_NE(text.find("1. the GPU waits for data 75 % of a step (confidence 95%)\n"), std::string::npos) << text;
  EXPECT_NE(text.find("gives back at most 75.00 ms, 75 % of a step: more processes prepare batches\n"),
            std::string::npos);
  EXPECT_NE(
      text.find("     train.py:31  DataLoader(…, num_workers=0)  →  num_workers=5     75 % of a step waits here\n"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("     torch.compile(model)   (rounds differently)\n"), std::string::npos) << text;
  EXPECT_NE(
      judged_text(waits_for_data(), {Language::zh, true}).find("→  num_workers=5     每步有 75% 的时间在此等待\n"),
      std::string::npos);
}

TEST(JudgedText, ATerminalWithoutUtf8GetsAscii) {
  for (const char sign : judged_text(waits_for_data(), {Language::en, false})) EXPECT_GE(sign, 0);
}

TEST(JudgedText, WhatIsMissingSaysWhy) {
  JudgedProcess judged;
  judged.no_shares = judged.no_finding = {"there is no GPU", "没有 GPU"};
  EXPECT_EQ(judged_text(judged, {Language::en, true}), "no verdict: there is no GPU\n");
}

TEST(JudgedJson, HasSharesWorkAndFindingsBesideWhatWasSeen) {
  const nlohmann::ordered_json json = judged_json(waits_for_data(), Language::en);
  EXPECT_EQ(json["shares"]["loader_ms"], 75);
  EXPECT_EQ(json["work"]["kinds_ms"]["product"], 20);
  const auto& found = json["findings"].at(0);
  EXPECT_EQ(found["key"], "input_bound");
  EXPECT_EQ(found["share_percent"], 75);
  EXPECT_EQ(found["changes"].at(0)["file"], "/srv/project/train.py");
  EXPECT_EQ(found["changes"].at(0)["line"], 31);
  EXPECT_EQ(found["changes"].at(1)["effect"], "rounding");
  EXPECT_TRUE(found["changes"].at(1)["file"].is_null());
  EXPECT_TRUE(json["no_shares"].is_null());
}

TEST(JudgedJson, WhatIsAbsentIsNullWithItsReason) {
  JudgedProcess judged;
  judged.no_shares = judged.no_finding = {"there is no GPU", "没有 GPU"};
  const nlohmann::ordered_json json = judged_json(judged, Language::en);
  EXPECT_TRUE(json["shares"].is_null() && json["work"].is_null());
  EXPECT_EQ(json["no_shares"], "there is no GPU");
  EXPECT_TRUE(json["findings"].empty());
}

TEST(JudgedJson, WhatOnlyTheAgentSeesIsNullWithoutIt) {
  JudgedProcess judged;
  EXPECT_FALSE(judged_json(judged, Language::en)["without_agent"]);
  EXPECT_FALSE(judged_json(judged, Language::en)["precision"].is_null());
  judged.seen.without_agent = true;
  judged.seen.steps.n = 50;
  judged.seen.optimizers.resize(1);
  const auto json = judged_json(judged, Language::en);
  EXPECT_TRUE(json["without_agent"]);
  for (const char* key : {"precision", "layout", "loaders", "compiled_modules", "cudnn_benchmark", "deterministic",
                          "python", "torch", "startup_ms", "memory"}) {
    EXPECT_TRUE(json[key].is_null()) << key;
  }
  EXPECT_TRUE(json["steps"]["hook_us"].is_null());
  EXPECT_TRUE(json["optimizers"][0]["file"].is_null());
  EXPECT_TRUE(json["optimizers"][0]["tensors"].is_null());
}

}  // namespace
}  // namespace wring
