// wring train on two GPUs, as a user starts it.
#include <ATen/detail/CUDAHooksInterface.h>

#include "training_run.h"

namespace wring {
namespace {

using testing::HasSubstr;

class TwoGpus : public GpuTrainingRun {
 protected:
  void SetUp() override {
    GpuTrainingRun::SetUp();
    if (IsSkipped()) return;
    const int gpus = at::detail::getCUDAHooks().deviceCount();
    if (gpus < 2) GTEST_SKIP() << "Needs two GPUs; there is " << gpus << ".";
  }
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
  EXPECT_LT(curve_difference("one", "two"), 1e-4);
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
  EXPECT_LT(curve_difference("compile_true", "compile_false"), 0.02);
}

// Its gradients are reduced in two messages, one of them beside the backward pass.
TEST_F(TwoGpus, OfALargeNetworkLearnAsTheEagerEngineOfTwoGpusAndKeepTheSameBits) {
  for (const char* compiled : {"true", "false"}) {
    const ChildResult result = train(std::string("large_compile_") + compiled, 2,
                                     {"base_channels=96", "num_blocks=8", "batch_size=4", "total_iters=60",
                                      "gradient_accumulation_steps=2", std::string("compile_model=") + compiled});
    ASSERT_EQ(result.exit_status, 0) << result.err;
  }
  EXPECT_LT(curve_difference("large_compile_true", "large_compile_false"), 0.02);
}

TEST_F(TwoGpus, MoreRanksThanGpusAreRefusedWithTheCure) {
  const ChildResult result =
      train("many", at::detail::getCUDAHooks().deviceCount() + 1, {"batch_size=8", "total_iters=2"});
  EXPECT_NE(result.exit_status, 0);
  EXPECT_THAT(result.err, HasSubstr("as many ranks on a machine as it has GPUs"));
}

}  // namespace
}  // namespace wring
