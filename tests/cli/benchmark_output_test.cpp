// What wring benchmark prints and writes, where to, and what it refuses before it measures.
#include "cli/tuning_test.h"

namespace wring {
namespace {

using namespace testing_support;
using nlohmann::json;
using testing::HasSubstr;

class BenchmarkOutput : public TuningTest {};

TEST_F(BenchmarkOutput, DryRunMeasuresAndWritesNothing) {
  const auto before = files();
  const ChildResult result = benchmark({"--dry-run", "--knobs", "none"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_EQ(files(), before);
  EXPECT_FALSE(requests().empty());
  EXPECT_THAT(result.out, HasSubstr("Not written (--dry-run): configs/mine_optimized.yaml"));
}

TEST_F(BenchmarkOutput, JsonIsOneObjectAndNothingElse) {
  const ChildResult result = benchmark({"--json", "--knobs", "none"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  const json found = json::parse(result.out);
  EXPECT_EQ(found["program"], "wring benchmark");
  EXPECT_EQ(found["chosen_batch_size"], record()["chosen_batch_size"]);
}

TEST_F(BenchmarkOutput, OutputNamesTheConfigAndItsRecord) {
  ASSERT_EQ(benchmark({"-o", "elsewhere.yaml", "--knobs", "none"}).exit_status, 0);
  for (const char* name : {"elsewhere.yaml", "elsewhere.json", "elsewhere.html"}) EXPECT_TRUE(programs_.exists(name));
  EXPECT_FALSE(programs_.exists(kOutput));
}

TEST_F(BenchmarkOutput, RefusesAnOutputThatWouldDestroySomething) {
  EXPECT_EQ(benchmark({"-o", kConfig}).exit_status, 2);
  EXPECT_EQ(benchmark({"-o", "configs"}).exit_status, 2);
  EXPECT_EQ(benchmark({"-o", "nowhere/x.yaml"}).exit_status, 1);
  EXPECT_EQ(benchmark({"-o", "x.json"}).exit_status, 2);
  for (const char* name : {"mine.json", "mine.html"}) {
    programs_.folder().write(name, "{\"batch_size\": 16}\n");  // which is YAML
    EXPECT_EQ(run({"benchmark", name, "-o", "mine.yml"}).exit_status, 2) << name;
    EXPECT_EQ(programs_.read(name), "{\"batch_size\": 16}\n");
  }
  EXPECT_TRUE(requests().empty()) << "before anything is measured";
}

TEST_F(BenchmarkOutput, AConfigThatCannotBeEditedIsRefusedBeforeAnythingRuns) {
  programs_.folder().write("mine.json", "{\"base_channels\": 8, \"num_blocks\": 1, \"batch_size\": 4}\n");
  const ChildResult result = run({"benchmark", "mine.json", "-o", "out.yaml"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("is not written as one 'key: value' a line"));
  programs_.folder().write(kConfig, "batch_size: 4\nmilestones:\n- 100\n- 200\n");
  const ChildResult list = benchmark({"--same-samples"});
  EXPECT_EQ(list.exit_status, 2);
  EXPECT_THAT(list.err, HasSubstr("configs/mine.yaml:2: milestones: cannot edit"));
  EXPECT_TRUE(requests().empty());
}

TEST_F(BenchmarkOutput, WrongUsageIsExitCodeTwo) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--budget", "soon"},
                                                {"--budget", "-3"},
                                                {"--budget", "0"},
                                                {"--budget", ""},
                                                {"--budget", "nan"},
                                                {"--budget", "1e300"},
                                                {"--command", ""},
                                                {"--command", "true {config}", "--trial-seconds", "1e300"},
                                                {"--knobs", "colour"},
                                                {"--device", "tpu"},
                                                {"--target-gpu-util", "120"},
                                                {"--rate-regex", "x"},
                                                {"--set", "batch_size"},
                                                {"--command", "true"}}) {
    EXPECT_EQ(benchmark(wrong).exit_status, 2) << wrong.front() << " '" << wrong.back() << "'";
  }
  EXPECT_EQ(run({"benchmark", "missing.yaml"}).exit_status, 1);
  programs_.folder().write("bad.yaml", "patch_size: 127\nscale_factor: 4\n");
  EXPECT_EQ(run({"benchmark", "bad.yaml"}).exit_status, 2);
  EXPECT_TRUE(requests().empty());
}

TEST_F(BenchmarkOutput, ARecordOrPageThatWouldReplaceTheConfigIsRefusedBeforeAnythingRuns) {
  for (const char* name : {"same.json", "same.html"}) {
    programs_.folder().write(name, "{batch_size: 16}");
    const ChildResult result = run({"benchmark", name, "-o", "same.yaml"});
    EXPECT_EQ(result.exit_status, 2) << name;
    EXPECT_THAT(result.err,
                HasSubstr(std::string(name) + ", which is written beside the output same.yaml, is the config"));
    EXPECT_EQ(programs_.read(name), "{batch_size: 16}");
  }
  EXPECT_TRUE(requests().empty());
}

TEST_F(BenchmarkOutput, AReportThatCannotBeWrittenIsAnErrorAfterWhatWasMeasuredIsShown) {
  std::filesystem::create_directory(programs_.folder().path() / "configs/mine_optimized.html");
  const ChildResult result = benchmark({"--knobs", "none"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("mine_optimized.html"));
  EXPECT_THAT(result.out, testing::ContainsRegex("\n +batch +samples/s +trials +step ms"));
  EXPECT_THAT(result.out, HasSubstr("Written: configs/mine_optimized.yaml"));
}

TEST_F(BenchmarkOutput, TrialsThatCannotBeKeptAreANote) {
  programs_.folder().write("experiments", "a file where a folder should be");
  const ChildResult result = benchmark({"--knobs", "none"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("trials are not kept"));
}

TEST_F(BenchmarkOutput, SpeaksChinese) {
  const ChildResult result = benchmark({"--lang", "zh", "--knobs", "none"});
  for (const char* part : {"正在搜索", "批大小", "样本/秒", "优化前", "已写入：", "下一步："}) {
    EXPECT_THAT(result.out, HasSubstr(part));
  }
  EXPECT_THAT(programs_.read("configs/mine_optimized.html"), HasSubstr("lang=\"zh-CN\""));
}

TEST_F(BenchmarkOutput, QuietPrintsNothingAndWritesAllTheSame) {
  const ChildResult result = benchmark({"--quiet", "--knobs", "none"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "");
  EXPECT_TRUE(programs_.exists(kOutput));
}

}  // namespace
}  // namespace wring
