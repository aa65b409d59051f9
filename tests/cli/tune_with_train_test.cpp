// wring benchmark and wring diagnose with the real worker, on the CPU, on a small drawn data set. No figure is expected
// of a machine that others use: what is checked is that what is said holds together.
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/drawn_photographs.h"
#include "fixtures/programs.h"

namespace wring {
namespace {

using namespace testing_support;
using nlohmann::json;
using testing::HasSubstr;
namespace fs = std::filesystem;

const char* const kTinyConfig =
    "# the smallest net\n"
    "base_channels: 8\n"
    "num_blocks: 1\n"
    "scale_factor: 2\n"
    "batch_size: 1\n"
    "patch_size: 32\n"
    "num_workers: 1\n"
    "total_iters: 6\n"
    "data_dir: data\n"
    "team_note: keep\n";

class TuneWithTrain : public testing::Test {
 protected:
  void SetUp() override {
    draw_training_set(programs_, 4);
    draw_photograph(programs_, "data/val/HR/0.png", 40, 36, 10);
    programs_.folder().write("tiny.yaml", kTinyConfig);
  }

  Programs programs_;
};

// On a machine that others use a search may rightly find nothing; then there is nothing to look at here.
#define SKIP_WHERE_NOTHING_COULD_BE_COMPARED(result)                                \
  if ((result).err.find("the machine is disturbed") != std::string::npos ||         \
      (result).err.find("of the budget ended before batch") != std::string::npos) { \
    GTEST_SKIP() << (result).err;                                                   \
  }

TEST_F(TuneWithTrain, ABatchIsChosenAmongThoseThatRanAndTheResultTrains) {
  const ChildResult result =
      programs_.wring({"benchmark", "tiny.yaml", "--device", "cpu", "--budget", "20s", "--knobs", "none"});
  SKIP_WHERE_NOTHING_COULD_BE_COMPARED(result);
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  const json record = json::parse(programs_.read("tiny_optimized.json"));
  bool ran = false;
  for (const json& trial : record["trials"]) {
    if (trial["outcome"] == "cut_off") continue;  // with the budget
    EXPECT_EQ(trial["outcome"], "ok") << trial.dump();
    EXPECT_GT(trial["samples_per_s"], 0);
    ran = ran || trial["batch_size"] == record["chosen_batch_size"];
  }
  EXPECT_TRUE(ran) << record.dump(1);
  EXPECT_THAT(programs_.read("tiny_optimized.yaml"), HasSubstr("# the smallest net\n"));
  EXPECT_EQ(programs_.read("tiny.yaml"), kTinyConfig);

  // wring train takes no foreign key.
  std::string text = programs_.read("tiny_optimized.yaml");
  text.erase(text.find("team_note: keep\n"), std::string("team_note: keep\n").size());
  programs_.folder().write("trained.yaml", text);
  const ChildResult trained = programs_.wring({"train", "trained.yaml", "--device", "cpu"});
  EXPECT_EQ(trained.exit_status, 0) << trained.err;
}

TEST_F(TuneWithTrain, OfTwoRanksTheBatchOfEachIsChosenAndTrains) {
  const ChildResult result = programs_.wring(
      {"benchmark", "tiny.yaml", "--device", "cpu", "--nproc", "2", "--budget", "40s", "--knobs", "none"});
  SKIP_WHERE_NOTHING_COULD_BE_COMPARED(result);
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  const json record = json::parse(programs_.read("tiny_optimized.json"));

  std::string text = programs_.read("tiny_optimized.yaml");
  text.erase(text.find("team_note: keep\n"), std::string("team_note: keep\n").size());
  programs_.folder().write("trained.yaml", text);
  const ChildResult trained = programs_.wring({"train", "trained.yaml", "--device", "cpu", "--nproc", "2"});
  EXPECT_EQ(trained.exit_status, 0) << trained.err;
  const std::int64_t batch = record["chosen_batch_size"];
  EXPECT_THAT(trained.err, HasSubstr("global batch " + std::to_string(2 * batch)));
}

TEST_F(TuneWithTrain, DiagnoseMeasuresTheThreeRatesAndGivesAVerdict) {
  const ChildResult result = programs_.wring({"diagnose", "tiny.yaml", "--device", "cpu", "--json"});
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  const json record = json::parse(result.out);
  std::set<std::string> data;
  for (const json& trial : record["trials"]) {
    EXPECT_EQ(trial["outcome"], "ok") << trial.dump();
    data.insert(trial["data"]);
  }
  EXPECT_EQ(data, (std::set<std::string>{"loader", "real", "resident"}));
}

TEST_F(TuneWithTrain, OneImageIsEnoughForABatchOf256) {
  for (int i = 1; i < 4; ++i) fs::remove(programs_.folder().path() / "data/train/HR" / (std::to_string(i) + ".png"));
  const ChildResult diagnosed = programs_.wring(
      {"diagnose", "tiny.yaml", "--device", "cpu", "--json", "--set", "batch_size=256", "patch_size=16"});
  ASSERT_EQ(diagnosed.exit_status, 0) << diagnosed.out << diagnosed.err;
  const json diagnosis = json::parse(diagnosed.out);
  for (const json& trial : diagnosis.at("trials")) {
    EXPECT_EQ(trial["outcome"], "ok") << trial.dump();
    EXPECT_EQ(trial["batch_size"], 256);
  }
  const ChildResult tuned = programs_.wring({"benchmark", "tiny.yaml", "--device", "cpu", "--budget", "20s", "--knobs",
                                             "none", "--json", "--set", "batch_size=256", "patch_size=16"});
  const json tuning = json::parse(tuned.out);
  for (const json& trial : tuning.at("trials")) {
    EXPECT_THAT(trial["outcome"].get<std::string>(), testing::AnyOf("ok", "cut_off")) << trial.dump();
  }
  SKIP_WHERE_NOTHING_COULD_BE_COMPARED(tuned);
  EXPECT_EQ(tuned.exit_status, 0) << tuned.out << tuned.err;
}

TEST_F(TuneWithTrain, AFolderWithoutImagesIsAnErrorInTheWorkersWords) {
  fs::remove_all(programs_.folder().path() / "data/train");
  const ChildResult result = programs_.wring({"benchmark", "tiny.yaml", "--device", "cpu", "--budget", "60s"});
  EXPECT_NE(result.exit_status, 0);
  EXPECT_THAT(result.err, HasSubstr("data/train/HR"));
  EXPECT_FALSE(programs_.exists("tiny_optimized.yaml"));
}

}  // namespace
}  // namespace wring
