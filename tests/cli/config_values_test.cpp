// Values as other programs' files have them, and slips of typing, through wring optimize and wring train.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/programs.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ConfigValues : public testing::Test {
 protected:
  // Of `wring optimize` on the text, for a card that is not here.
  ChildResult optimize(const std::string& text, bool dry_run = true) {
    programs_.folder().write("c.yaml", text);
    std::vector<std::string> arguments = {"optimize", "c.yaml", "--gpu", "4090"};
    if (dry_run) arguments.emplace_back("--dry-run");
    return programs_.wring(arguments);
  }

  Programs programs_;
};

TEST_F(ConfigValues, OfOtherProgramsAreTaken) {
  for (const char* line : {"total_iters: 3e5", "val_freq: !!float 5e3", "total_iters: 300_000", "experiment_name:",
                           "train_lr_dir: ~", "grad_clip: null", "lr:", "milestones: ~", "compile_model: null"}) {
    const ChildResult result = optimize("model: edsr\nbatch_size: 16\n" + std::string(line) + "\n");
    EXPECT_EQ(result.exit_status, 0) << line << "\n" << result.err;
  }
}

TEST_F(ConfigValues, OfOtherProgramsAreEditedInPlaceAndTheRestStays) {
  const std::string text =
      "batch_size: !!float 1.6e1   # what fitted\r\nnum_workers: ~\r\ngrad_clip:  # none\r\n"
      "total_iters: 3e5\r\nval_freq: !!float 5e3\r\nteam_budget: 5_000  # 预算\r\n";
  ASSERT_EQ(optimize(text, false).exit_status, 0);
  const std::string written = programs_.read("c_gpu_optimized.yaml");
  EXPECT_THAT(written, StartsWith("batch_size: 64   # what fitted\r\nnum_workers: "));
  EXPECT_THAT(written, HasSubstr("\r\ngrad_clip: 1.0  # none\r\n"
                                 "total_iters: 3e5\r\nval_freq: !!float 5e3\r\nteam_budget: 5_000  # 预算\r\n"));
}

TEST_F(ConfigValues, AWarmUpOfLessThanNothingHasItsOwnSentence) {
  const ChildResult result = optimize("model: edsr\nwarmup_iters: -1\n");
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("c.yaml:2: warmup_iters: -1 is below 0; no warm-up is 0 here"),
                                HasSubstr("write warmup_iters: 0"), Not(HasSubstr("from 0 to"))));
}

TEST_F(ConfigValues, SlipsOfTypingAreNamedOnTheirLine) {
  struct Slip {
    int line;
    const char* text;
    const char* what;
    const char* cure;
  };
  const Slip slips[] = {{5, "batch_size：4", "a full-width ：", "write batch_size: 4"},
                        {12, "lr:\u00A0 2e-4", "a no-break space (U+00A0) follows the ':'", "write lr: 2e-4"},
                        {12, "lr:2e-4", "a space is missing after ':'", "write lr: 2e-4"},
                        {12, "lr = 2e-4", "written with '='", "write lr: 2e-4"},
                        {12, "data_dir: \"C:\\Uploads\\photos\"", "a backslash begins an escape", "'/' in its place"}};
  for (const Slip& slip : slips) {
    std::string text;
    const char* lines[] = {"model: edsr",   "base_channels: 8",   "num_blocks: 1",  "scale_factor: 4",
                           "batch_size: 4", "patch_size: 32",     "num_workers: 0", "total_iters: 6",
                           "val_freq: 6",   "checkpoint_freq: 6", "log_freq: 2",    "lr: 2e-4"};
    for (int i = 1; i <= 12; ++i) text += std::string(i == slip.line ? slip.text : lines[i - 1]) + "\n";
    const ChildResult result = optimize(text);
    EXPECT_EQ(result.exit_status, 2) << slip.text;
    EXPECT_THAT(result.err, AllOf(HasSubstr("c.yaml:" + std::to_string(slip.line) + ": "), HasSubstr(slip.what),
                                  HasSubstr(slip.cure), Not(HasSubstr("tab"))));
  }
}

TEST_F(ConfigValues, SlipsAreNamedInChineseToo) {
  programs_.folder().write("c.yaml", "model: edsr\nbatch_size：4\n");
  const ChildResult result = programs_.wring({"optimize", "c.yaml", "--gpu", "4090", "--dry-run", "--lang", "zh"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("c.yaml:2"), HasSubstr("全角字符 ："), HasSubstr("请写成 batch_size: 4")));
}

}  // namespace
}  // namespace wring
