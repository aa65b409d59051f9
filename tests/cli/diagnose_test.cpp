// wring diagnose over a card that is a few numbers.
#include "cli/tuning_test.h"

namespace wring {
namespace {

using namespace testing_support;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

class Diagnose : public TuningTest {
 protected:
  ChildResult diagnose(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"diagnose", kConfig};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
};

TEST_F(Diagnose, NamesALoaderThatIsTooSlowWithItsNumbersAndTheChange) {
  set_card("worker=400");  // no workers: 200 samples/s, where the step would do 2000
  const ChildResult result = diagnose();
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("data-bound"));
  EXPECT_THAT(result.out, HasSubstr("measured: "));
  EXPECT_THAT(result.out, HasSubstr("rule: "));
  EXPECT_THAT(result.out, HasSubstr("confidence"));
  EXPECT_THAT(result.out, HasSubstr("change: num_workers: "));
}

TEST_F(Diagnose, MeasuresTheThreeRates) {
  ASSERT_EQ(diagnose().exit_status, 0);
  std::vector<std::string> data;
  for (const json& request : requests()) data.push_back(request["measure"]["data"]);
  EXPECT_THAT(data, testing::IsSupersetOf({"real", "resident", "loader"}));
}

TEST_F(Diagnose, WhereNoLoaderRunsItHasNoRate) {
  set_card("on_card=1");
  const ChildResult result = diagnose();
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  EXPECT_THAT(result.out,
              testing::ContainsRegex("– samples/s +– ms .*no loader runs: the GPU cuts its batches itself"));
  const json found = json::parse(diagnose({"--json"}).out);
  for (const json& trial : found["trials"]) {
    EXPECT_EQ(trial["samples_per_s"].is_null(), trial["data"] == "loader");
    EXPECT_EQ(trial["no_rate"].is_null(), trial["data"] != "loader");
  }
}

TEST_F(Diagnose, WritesNothingUnlessAskedTo) {
  set_card("worker=400");
  ASSERT_EQ(diagnose({"--no-cache"}).exit_status, 0);
  EXPECT_THAT(files(), testing::ElementsAre(kConfig));
}

TEST_F(Diagnose, FixWritesTheChangeAndMeasuresAgain) {
  set_card("worker=400");
  const ChildResult result = diagnose({"--fix"});
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  EXPECT_THAT(programs_.read(kOutput), Not(HasSubstr("num_workers: 0\n")));
  EXPECT_THAT(programs_.read(kOutput), HasSubstr("team_note: \"ask Li before changing lr\"\n"));
  EXPECT_EQ(programs_.read(kConfig), kSampleConfig);
  EXPECT_THAT(result.out, HasSubstr("before"));
  EXPECT_THAT(result.out, HasSubstr("after"));
  EXPECT_GT(record()["speed_up"], 1.5);
  EXPECT_TRUE(programs_.exists("configs/mine_optimized.html"));
}

TEST_F(Diagnose, JsonHoldsTheVerdict) {
  set_card("worker=400");
  const ChildResult result = diagnose({"--json"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  const json found = json::parse(result.out);
  EXPECT_EQ(found["verdicts"][0]["key"], "data_bound");
  EXPECT_GT(found["verdicts"][0]["confidence"], 0.5);
  EXPECT_TRUE(found["verdicts"][0]["fix"]["num_workers"].is_number());
}

TEST_F(Diagnose, AConfigThatDoesNotRunIsAnErrorThatPointsToTheSearch) {
  set_card("refuse=1");
  const ChildResult result = diagnose({"--fix"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("out of memory"));
  EXPECT_THAT(result.err, HasSubstr("wring benchmark"));
  EXPECT_FALSE(programs_.exists(kOutput));
}

TEST_F(Diagnose, TellsTheShareOfAStepInWhichKernelsRunAsTheWorkerSeesIt) {
  programs_.use_machine("rtx4090");
  programs_.folder().write(kConfig, std::string(kSampleConfig) + "compile_model: false\n");
  set_card("busy=41,start=40,compile=0.1");  // launches dominate until the step is compiled
  const ChildResult result = diagnose({"--json", "--no-cache"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  const json found = json::parse(result.out);
  EXPECT_EQ(found["verdicts"][0]["key"], "launch_bound");
  EXPECT_THAT(found["verdicts"][0]["numbers"].get<std::string>(), HasSubstr("kernels run 41 % of the step"));
  EXPECT_EQ(found["trials"][1]["kernel_busy_percent"], 41);
}

TEST_F(Diagnose, WithoutCompileModelTheFastestEngineIsMeasuredBesideEager) {
  programs_.use_machine("rtx4090");
  set_card("busy=41,start=40,compile=0.1");
  const ChildResult result = diagnose({"--json", "--no-cache"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, Not(HasSubstr("launch_bound"))) << "the cure is taken already";
  std::vector<json> engines;
  for (const json& request : requests()) {
    if (request["set"].contains("compile_model")) engines.push_back(request["set"]["compile_model"]);
  }
  EXPECT_THAT(engines, testing::ElementsAre(false));
}

TEST_F(Diagnose, DoesNotCallAStepGoodThatReachesALittleOfTheAttainableRate) {
  programs_.use_machine("rtx4090");
  set_card("busy=98,attained=40,start=0");
  const ChildResult text = diagnose({"--no-cache"});
  ASSERT_EQ(text.exit_status, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("slow kernels"));
  EXPECT_THAT(text.out, HasSubstr("at the 500 TFLOP/s that one large product reaches here: 40 % of its"));
  EXPECT_THAT(text.out, HasSubstr("elementwise passes over memory 30 %"));
  EXPECT_THAT(text.out, HasSubstr("2.5 × is the bound"));
  EXPECT_THAT(text.out, Not(HasSubstr("good")));

  const json found = json::parse(diagnose({"--no-cache", "--json"}).out);
  EXPECT_EQ(found["verdicts"][0]["key"], "slow_kernels");
  const json& trial = found["trials"][1];
  EXPECT_EQ(trial["data"], "resident");
  EXPECT_EQ(trial["arithmetic"]["matmul_tflops"], 500);
  EXPECT_NEAR(trial["arithmetic"]["share_percent"], 40, 0.01);
  EXPECT_EQ(trial["kernels"][1]["kind"], "elementwise");
  EXPECT_EQ(trial["kernels"][1]["heaviest"], "vectorized_elementwise_kernel");
}

TEST_F(Diagnose, SaysHowGoodAGoodStepIs) {
  programs_.use_machine("rtx4090");
  set_card("busy=98,attained=72,start=0");
  const ChildResult result = diagnose({"--no-cache", "--lang", "zh"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("很好：已达可达速率的 72%"));
  EXPECT_THAT(diagnose({"--no-cache"}).out, HasSubstr("good: 72 % of the attainable rate"));
}

TEST_F(Diagnose, SpeaksChinese) {
  set_card("worker=400");
  const ChildResult result = diagnose({"--lang", "zh"});
  for (const char* part : {"实测：", "规则：", "把握", "改动：num_workers: "}) EXPECT_THAT(result.out, HasSubstr(part));
}

TEST_F(Diagnose, WrongUsageIsExitCodeTwo) {
  EXPECT_EQ(diagnose({"-o", "x.yaml"}).exit_status, 2) << "-o without --fix";
  EXPECT_EQ(run({"diagnose"}).exit_status, 2);
}

}  // namespace
}  // namespace wring
