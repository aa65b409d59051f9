// wring::auto_optimize_config, the guide's function, on a recorded machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/fake_machine.h"
#include "fixtures/foreign_configs.h"
#include "fixtures/scoped_environment.h"
#include "fixtures/temporary_folder.h"
#include "wring/base/error.h"
#include "wring/files/files.h"
#include "wring/plan/planner.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;

class AutoOptimize : public testing::Test {
 protected:
  void SetUp() override {
    environment_.set("WRING_NVML_LIBRARY", fake_nvml());
    environment_.set("WRING_FAKE_NVML", machine_file("rtx4090"));
    environment_.set("WRING_NVIDIA_SMI", kMissingNvidiaSmi);
    environment_.set("CUDA_VISIBLE_DEVICES", std::nullopt);
  }

  ScopedEnvironment environment_;
  TemporaryFolder folder_;
  const std::filesystem::path out_ = folder_.path() / "configs/auto_optimized.yaml";
  const std::string config_ =
      "# ours\nbatch_size: 16   # small\nbase_channels: 32\nnum_blocks: 4\npatch_size: 128\nnum_workers: 0\n"
      "use_perceptual: false\nmy_key: kept\n";
};

TEST_F(AutoOptimize, WritesTheGuidesTierOfThisMachinesCard) {
  const auto in = folder_.write("configs/lightweight_config.yaml", config_);
  const Plan plan = auto_optimize_config(in, out_);
  const std::string written = read_file(out_);
  for (const char* line : {"# ours\nbatch_size: 64   # small\n", "base_channels: 128\n", "num_blocks: 12\n",
                           "patch_size: 256\n", "use_perceptual: true\n", "my_key: kept\n"}) {
    EXPECT_THAT(written, HasSubstr(line));
  }
  EXPECT_EQ(plan.machine.card->name, "NVIDIA GeForce RTX 4090");
  EXPECT_EQ(to_yaml(plan.result), to_yaml(read_config(out_, UnknownKeys::ignore).values));
  EXPECT_EQ(read_file(in), config_) << "the input";
}

TEST_F(AutoOptimize, DoublesAsTheGuideDoesWhereNoGpuCanBeAsked) {
  environment_.set("WRING_NVML_LIBRARY", kMissingLibrary);
  const Plan plan = auto_optimize_config(folder_.write("configs/lightweight_config.yaml", config_), out_);
  EXPECT_TRUE(plan.basic_mode);
  EXPECT_THAT(read_file(out_), HasSubstr("batch_size: 32   # small\n"));
  EXPECT_THAT(read_file(out_), HasSubstr("use_perceptual: false\n"));
}

TEST_F(AutoOptimize, RefusesValuesThatDoNotGoTogetherAndWritesNothing) {
  const auto in = folder_.write("configs/lightweight_config.yaml",
                                config_ + "scheduler: multistep\ntotal_iters: 1000\nmilestones: [2000]\n");
  EXPECT_THROW(auto_optimize_config(in, out_), Error);
  EXPECT_FALSE(std::filesystem::exists(out_));
}

TEST_F(AutoOptimize, RefusesAnotherProgramsFileAndWritesNothing) {
  for (const ForeignConfig& foreign : foreign_configs()) {
    const auto in = folder_.write("configs/" + foreign.name, foreign.text);
    EXPECT_THROW(auto_optimize_config(in, out_), Error) << foreign.name;
    EXPECT_EQ(read_file(in), foreign.text);
    EXPECT_FALSE(std::filesystem::exists(out_)) << foreign.name;
  }
}

}  // namespace
}  // namespace wring
