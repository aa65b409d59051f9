// optimize_gpu with the guide's flags, word for word.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/programs.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::IsEmpty;

class OptimizeGpu : public testing::Test {
 protected:
  void SetUp() override {
    programs_.folder().write(config_, kSampleConfig);
    programs_.use_machine("rtx4090");
  }
  ChildResult run(const std::vector<std::string>& arguments) { return programs_.optimize_gpu(arguments); }

  Programs programs_;
  const std::string config_ = "configs/lightweight_config.yaml";
  const std::string optimized_ = "configs/lightweight_gpu_optimized.yaml";
};

TEST_F(OptimizeGpu, OptimisesTheConfigThatIsNamed) {
  const ChildResult result = run({"--config", config_});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(programs_.read(optimized_), HasSubstr("batch_size: 64"));
}

TEST_F(OptimizeGpu, SwitchesThePerceptualLossOnAsTheGuidesTiersDo) {
  const ChildResult result = run({"--config", config_});
  EXPECT_THAT(programs_.read(optimized_), HasSubstr("use_perceptual: true\n"));
  EXPECT_THAT(result.out, HasSubstr("The whole run: 1.6 million samples before"));
  programs_.use_machine("old_driver", "old_driver");  // a card of 8 GB
  EXPECT_EQ(run({"--config", config_}).exit_status, 0);
  EXPECT_THAT(programs_.read(optimized_), testing::Not(HasSubstr("use_perceptual")));
}

TEST_F(OptimizeGpu, WithoutAConfigItTakesTheLightweightOne) {
  EXPECT_EQ(run({}).exit_status, 0);
  EXPECT_TRUE(programs_.exists(optimized_));
}

TEST_F(OptimizeGpu, ANameWithoutTheSuffixGetsOneToo) {
  programs_.folder().write("mine.yaml", kSampleConfig);
  EXPECT_EQ(run({"--config", "mine.yaml"}).exit_status, 0);
  EXPECT_TRUE(programs_.exists("mine_gpu_optimized.yaml"));
}

TEST_F(OptimizeGpu, WritesWhereOutputSays) {
  EXPECT_EQ(run({"--config", config_, "--output", "out.yaml"}).exit_status, 0);
  EXPECT_TRUE(programs_.exists("out.yaml"));
  EXPECT_FALSE(programs_.exists(optimized_));
}

TEST_F(OptimizeGpu, SkipOptimizationLeavesTheConfigAsItIs) {
  const ChildResult result = run({"--config", config_, "--skip-optimization"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_FALSE(programs_.exists(optimized_));
}

TEST_F(OptimizeGpu, MonitorAloneWatchesAndTouchesNoConfig) {
  const ChildResult result = run({"--monitor", "0.1"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, testing::StartsWith("🎯 GPU-Util: "));
  EXPECT_THAT(result.out, HasSubstr("📊 Monitor summary:\n"));
  EXPECT_FALSE(programs_.exists(optimized_));
}

TEST_F(OptimizeGpu, MonitorWithAConfigWatchesAfterTheWork) {
  const ChildResult result = run({"--config", config_, "--monitor", "0.1"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_TRUE(programs_.exists(optimized_));
  EXPECT_LT(result.out.find(optimized_), result.out.find("🎯 GPU-Util: "));
  EXPECT_THAT(result.out, HasSubstr("📊 Monitor summary:\n"));
}

TEST_F(OptimizeGpu, AMissingConfigListsThoseThatExist) {
  const ChildResult result = run({"--config", "configs/missing.yaml"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr(config_));
}

TEST_F(OptimizeGpu, SpeaksChinese) {
  EXPECT_THAT(run({"--config", config_, "--lang", "zh"}).out, HasSubstr("已写入：" + optimized_));
}

TEST_F(OptimizeGpu, WrongUsageIsExitCodeTwo) {
  EXPECT_EQ(run({"--monitor", "-5"}).exit_status, 2);
  const ChildResult result = run({"--skip-optimisation"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("did you mean '--skip-optimization'?"));
}

}  // namespace
}  // namespace wring
