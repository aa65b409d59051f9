// examples/pytorch/train.py, measured as any user's script is.
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/temporary_folder.h"
#include "wring/process/child_process.h"
#include "wring/trial/command_runner.h"

namespace wring {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::string python() {
  if (const char* chosen = std::getenv("WRING_TEST_PYTHON")) return chosen;
  const fs::path own = fs::path(WRING_SOURCE_DIR) / ".venv/bin/python";
  return fs::exists(own) ? own.string() : "python3";
}

class PyTorchExample : public testing::Test {
 protected:
  void SetUp() override {
    const ChildResult result = run_child({"sh", "-c", "exec \"$0\" -c 'import torch'", python()});
    if (!result.ok()) GTEST_SKIP() << python() << " cannot import torch (WRING_TEST_PYTHON names another Python)";
  }

  CommandOptions options() {
    CommandOptions options;
    options.command = python() + " " WRING_SOURCE_DIR "/examples/pytorch/train.py --config {config}";
    options.config = WRING_SOURCE_DIR "/examples/pytorch/config.yaml";
    options.rate_regex = "([0-9.]+) samples/s";
    options.trial_time = 100ms;
    options.environment = {{"CUDA_VISIBLE_DEVICES", ""}, {"OMP_NUM_THREADS", "1"}};
    return options;
  }

  // So small that it takes no time.
  static TrialRequest tiny(std::vector<Assignment> set) {
    TrialRequest request;
    request.measure.min_seconds = 0;
    request.set = {{"base_channels", "4"}, {"num_blocks", "1"}, {"patch_size", "16"}, {"log_seconds", "0.02"}};
    request.set.insert(request.set.end(), set.begin(), set.end());
    return request;
  }
};

TEST_F(PyTorchExample, IsMeasuredThoughItTrainsOn) {
  const TrialResult result = CommandRunner(options()).run(tiny({{"batch_size", "2"}}));
  EXPECT_EQ(result.outcome, TrialOutcome::ok) << result.message;
  EXPECT_GT(result.samples_per_s, 0);
  EXPECT_GE(result.step_ms.n, 1);
}

TEST_F(PyTorchExample, TakesEveryKeyThatSpeedsItUp) {
  const TrialResult result = CommandRunner(options()).run(tiny({{"batch_size", "4"},
                                                                {"num_workers", "1"},
                                                                {"persistent_workers", "true"},
                                                                {"prefetch_factor", "4"},
                                                                {"pin_memory", "true"},
                                                                {"use_mixed_precision", "true"},
                                                                {"channels_last", "true"},
                                                                {"grad_clip", "1.0"},
                                                                {"total_iters", "30"}}));
  EXPECT_EQ(result.outcome, TrialOutcome::ok) << result.message;
}

TEST_F(PyTorchExample, SaysWhatIsWrongInItsOwnWords) {
  const TrialResult result = CommandRunner(options()).run(tiny({{"patch_size", "4096"}}));
  EXPECT_EQ(result.outcome, TrialOutcome::error);
  EXPECT_THAT(result.message, testing::HasSubstr("patch_size 4096"));
}

}  // namespace
}  // namespace wring
