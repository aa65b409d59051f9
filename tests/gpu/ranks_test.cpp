// wring train on two GPUs, as a user starts it.
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include <ATen/detail/CUDAHooksInterface.h>

#include "fixtures/temporary_folder.h"
#include "gpu_test.h"
#include "wring/base/child_process.h"
#include "wring/base/files.h"
#include "wring_train/data/dead_leaves.h"
#include "wring_train/data/image.h"
#include "wring_train/kernels/available.h"

namespace wring {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

const char* const kConfig =
    "base_channels: 32\nnum_blocks: 2\nscale_factor: 4\npatch_size: 64\nnum_workers: 1\ndataset_enlarge_ratio: 50\n"
    "val_freq: 100000\ncheckpoint_freq: 50\nlog_freq: 1\nlr: 0.0002\ngrad_clip: 1.0\ncompile_model: true\n"
    "data_dir: data\nexperiment_name: run\n";

class TwoGpus : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    if (IsSkipped()) return;
    const int gpus = at::detail::getCUDAHooks().deviceCount();
    if (gpus < 2) GTEST_SKIP() << "Needs two GPUs; there is " << gpus << ".";
    if (!kernels::available()) GTEST_SKIP() << "This build has no CUDA sources.";
    // The build may have been carried here: the programs lie beside the tests.
    wring_ = this_program().parent_path().parent_path() / "bin" / "wring";
    if (!fs::exists(wring_)) GTEST_SKIP() << wring_ << " was not built.";
    fs::create_directories(folder_.path() / "data/train/HR");
    for (int i = 0; i < 8; ++i) {
      write_png(folder_.path() / "data/train/HR" / (std::to_string(i) + ".png"),
                dead_leaves(160, 160, static_cast<std::uint64_t>(i)));
    }
    folder_.write("run.yaml", kConfig);
  }

  ChildResult train(const std::string& name, int ranks, const std::vector<std::string>& more) const {
    std::vector<std::string> command{wring_.string(), "train", "run.yaml", "--nproc", std::to_string(ranks)};
    command.insert(command.end(), {"--set", "experiment_name=" + name});
    command.insert(command.end(), more.begin(), more.end());
    ChildOptions options;
    options.working_folder = folder_.path();
    options.timeout = std::chrono::minutes(3);
    options.environment = {{"NVIDIA_TF32_OVERRIDE", "0"},
                           {"WRING_CACHE_DIR", (folder_.path() / "cache").string()},
                           {"NCCL_NVLS_ENABLE", "0"},
                           {"LC_ALL", "C.UTF-8"}};
    return run_child(command, options);
  }

  std::vector<double> losses(const std::string& name) const {
    std::vector<double> values;
    std::istringstream text(read_file(folder_.path() / "experiments" / name / "metrics.jsonl"));
    for (std::string line; std::getline(text, line);) {
      const auto record = nlohmann::json::parse(line);
      if (record.contains("loss")) values.push_back(record["loss"]);
    }
    return values;
  }
  void expect_equal_curves(const std::string& a, const std::string& b, double largest) const {
    const auto one = losses(a);
    const auto other = losses(b);
    ASSERT_EQ(one.size(), other.size());
    for (std::size_t i = 0; i < one.size(); ++i) EXPECT_LT(std::abs(one[i] - other[i]) / one[i], largest) << i;
  }

  testing_support::TemporaryFolder folder_;
  fs::path wring_;
};

TEST_F(TwoGpus, LearnInTheGraphEngineAsOneOfTheWholeBatch) {
  const std::vector<std::string> exact{"use_mixed_precision=false", "total_iters=100"};
  const auto run = [&](const std::string& name, int ranks, const std::string& batch, std::vector<std::string> more) {
    more.push_back("batch_size=" + batch);
    const ChildResult result = train(name, ranks, more);
    EXPECT_EQ(result.exit_status, 0) << result.err;
    return result.err;
  };
  run("one", 1, "16", exact);
  EXPECT_THAT(run("two", 2, "8", exact), testing::AllOf(HasSubstr("step engine: graph"), HasSubstr("ranks: 2")));
  expect_equal_curves("one", "two", 1e-4);
}

// Every checkpoint compares the bits of all ranks' states.
TEST_F(TwoGpus, KeepTheSameBitsInTheFusedStepInEveryPrecision) {
  for (const char* type : {"bf16", "fp16"}) {
    for (const char* accumulation : {"1", "2"}) {
      const std::string name = std::string(type) + accumulation;
      const ChildResult result =
          train(name, 2,
                {"batch_size=8", "total_iters=1000", "log_freq=100", std::string("amp_dtype=") + type,
                 std::string("gradient_accumulation_steps=") + accumulation, "ema_decay=0.99"});
      EXPECT_EQ(result.exit_status, 0) << result.err;
      EXPECT_THAT(result.err, HasSubstr("step engine: graph, fused"));
      EXPECT_LT(losses(name).back(), losses(name).front());
    }
  }
}

TEST_F(TwoGpus, OfTheFusedStepLearnAsTheEagerEngineOfTwoGpus) {
  for (const char* compiled : {"true", "false"}) {
    const ChildResult result = train(std::string("compile_") + compiled, 2,
                                     {"batch_size=8", "total_iters=60", std::string("compile_model=") + compiled});
    ASSERT_EQ(result.exit_status, 0) << result.err;
  }
  expect_equal_curves("compile_true", "compile_false", 0.02);
}

TEST_F(TwoGpus, MoreRanksThanGpusAreRefusedWithTheCure) {
  const ChildResult result =
      train("many", at::detail::getCUDAHooks().deviceCount() + 1, {"batch_size=8", "total_iters=2"});
  EXPECT_NE(result.exit_status, 0);
  EXPECT_THAT(result.err, HasSubstr("as many ranks on a machine as it has GPUs"));
}

}  // namespace
}  // namespace wring
