// wring benchmark --command: any program that trains, tuned through its config and what it prints.
#include <csignal>

#include "cli/tuning_test.h"
#include "fixtures/running_program.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::Not;

// A shell script that reads its batch size from the config it is given.
class BenchmarkCommand : public TuningTest {
 protected:
  void SetUp() override {
    TuningTest::SetUp();
    programs_.folder().write(kConfig, "# theirs\nnet: {kind: unet, depth: 3}\ntrain_batch: 8  # per card\n");
    programs_.folder().write_script(
        "train.sh",
        "b=$(sed -n 's/^train_batch: *\\([0-9]*\\).*/\\1/p' \"$1\")\n"
        "if [ \"$b\" -gt 64 ]; then echo 'RuntimeError: CUDA out of memory.' >&2; exit 1; fi\n"
        "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do\n"
        "  echo \"epoch 1: $((b * 1000 / (20 + b))) img/s\"; sleep 0.03\ndone\n");
  }
  ChildResult tune(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"--command",    "./train.sh {config}", "--batch-key",     "train_batch",
                                          "--rate-regex", "([0-9.]+) img/s",     "--trial-seconds", "0.2"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return benchmark(arguments);
  }
};

TEST_F(BenchmarkCommand, IsTunedThroughItsConfigAndWhatItPrints) {
  const ChildResult result = tune({"--budget", "20s"});
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  const auto batch = record()["chosen_batch_size"].get<std::int64_t>();
  EXPECT_GT(batch, 8);
  EXPECT_LE(batch, 64);
  const std::string text = programs_.read(kOutput);
  EXPECT_THAT(text, HasSubstr("train_batch: " + std::to_string(batch) + "  # per card\n"));
  EXPECT_THAT(text, HasSubstr("net: {kind: unet, depth: 3}\n"));
  EXPECT_THAT(result.out, Not(HasSubstr("wring train"))) << "it is not our program's config";
}

TEST_F(BenchmarkCommand, SaysNothingOfALearningRateOrARunThatItDoesNotKnow) {
  const ChildResult result = tune({"--budget", "20s"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, Not(HasSubstr("lr ")));
  EXPECT_THAT(result.out, Not(HasSubstr("The whole run")));
  EXPECT_TRUE(record()["run"].is_null());
  const ChildResult scaled = tune({"--scale-lr"});
  EXPECT_EQ(scaled.exit_status, 2);
  EXPECT_THAT(scaled.err, HasSubstr("--scale-lr: configs/mine.yaml has no lr"));
}

TEST_F(BenchmarkCommand, AdvisesByTheOptimiserThatTheConfigNames) {
  programs_.folder().write(kConfig, "train_batch: 8\nlr: 0.1\noptimizer: SGD\nmodel: {kind: unet}\n");
  EXPECT_THAT(tune({"--budget", "20s"}).out, HasSubstr("by the linear rule for SGD"));
  programs_.folder().write(kConfig, "train_batch: 8\nlr: 0.1\nmodel: {kind: unet}\n");
  EXPECT_THAT(tune({"--budget", "20s"}).out, HasSubstr("lr stays 0.1"));
  programs_.folder().write(kConfig, "train_batch: 8\nlr: auto\n");
  EXPECT_THAT(tune({"--budget", "20s"}).out, Not(HasSubstr("lr stays")));
}

// Tokens in place of images, and an optimiser that Wring does not have.
TEST_F(BenchmarkCommand, MayMeanSomethingElseByWringsKeys) {
  programs_.folder().write(kConfig, "batch_size: 100000\noptimizer: lion\n");
  programs_.folder().write_script("tokens.sh",
                                  "for i in 1 2 3 4 5 6 7 8; do echo '50000000 tokens/s'; sleep 0.03; done\n");
  const ChildResult result = benchmark({"--command", "./tokens.sh {config}", "--rate-regex", "([0-9.]+) tokens/s",
                                        "--trial-seconds", "0.1", "--budget", "20s", "--set", "optimizer=SGD"});
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  EXPECT_EQ(record()["chosen_batch_size"], 100000);
  EXPECT_THAT(programs_.read(kOutput), HasSubstr("optimizer: SGD"));
}

TEST_F(BenchmarkCommand, AKeyThatTheConfigDoesNotHaveIsAnErrorWithTheCure) {
  const ChildResult result = benchmark({"--command", "./train.sh {config}"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("batch_size"));
  EXPECT_THAT(result.err, HasSubstr("--batch-key"));
}

TEST_F(BenchmarkCommand, ASizeAtWhichItPrintsNothingIsAFailedTrialLikeAnyOther) {
  programs_.folder().write_script("train.sh",
                                  "b=$(sed -n 's/^train_batch: *\\([0-9]*\\).*/\\1/p' \"$1\")\n"
                                  "if [ \"$b\" -gt 16 ]; then echo epoch 1; exit 0; fi\n"
                                  "for i in 1 2 3 4 5; do echo \"$((b * 1000 / (20 + b))) img/s\"; done\n");
  const ChildResult result = tune({"--budget", "20s"});
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  EXPECT_LE(record()["chosen_batch_size"], 16);
  EXPECT_THAT(result.out, HasSubstr("no line of the command's output matches"));
}

TEST_F(BenchmarkCommand, AProgramThatFailsIsToldByTheLineThatSaysWhy) {
  programs_.folder().write_script(
      "train.sh",
      "printf 'Traceback (most recent call last):\\n  File \"t.py\", line 3, in <module>\\n"
      "    lr = 1 / zero\\n         ~~^~~~~~\\nZeroDivisionError: division by zero\\n' >&2\n"
      "exit 1\n");
  const ChildResult result = tune();
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("the program failed: ZeroDivisionError: division by zero"));
  EXPECT_THAT(result.out + result.err, Not(HasSubstr("^")));
  EXPECT_THAT(programs_.read("configs/mine_optimized.html"), HasSubstr("ZeroDivisionError: division by zero"));
}

TEST_F(BenchmarkCommand, AProgramThatCrashesIsNotSaidToBeKilledForMemory) {
  programs_.folder().write_script("train.sh", "echo epoch 1\nkill -SEGV $$\n");
  const ChildResult result = tune();
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("the program failed: it crashed with SIGSEGV (Segmentation fault)"));
  EXPECT_THAT(result.out + result.err, Not(HasSubstr("memory ran out")));
}

TEST_F(BenchmarkCommand, TheBudgetEndsATrialThatRunsAndSaysWhatWasAwaited) {
  programs_.folder().write_script("train.sh", "sleep 1000\n");
  const ChildResult result = tune({"--budget", "2s"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("The budget of 2 s ended before batch 8 was measured: it was waiting for its "
                                    "first rate"));
  EXPECT_THAT(result.err, HasSubstr("--budget 8s"));
  EXPECT_FALSE(programs_.exists(kOutput));
  EXPECT_EQ(record()["trials"][0]["outcome"], "cut_off");
}

TEST_F(BenchmarkCommand, ALogIsToldWhatIsAwaited) {
  programs_.folder().write_script("train.sh", "sleep 1000\n");
  // It is told after ten; what starting takes before counts too.
  const ChildResult result = tune({"--budget", "16s"});
  EXPECT_THAT(result.out,
              testing::ContainsRegex("batch +8  waiting for its first rate: 1[0-9] s of at most 1[0-6] s\n"));
}

TEST_F(BenchmarkCommand, WhatTheProgramReadsFromItsOwnKeysIsMeasuredAnew) {
  ASSERT_EQ(tune({"--budget", "20s"}).exit_status, 0);
  const auto reused = [&] {
    std::size_t count = 0;
    const auto found = record();
    for (const auto& trial : found["trials"]) count += trial["reused"].get<bool>() ? 1 : 0;
    return count;
  };
  EXPECT_EQ(reused(), 0U);
  ASSERT_EQ(tune({"--budget", "20s"}).exit_status, 0);
  EXPECT_GT(reused(), 0U);
  for (const char* changed :
       {"# theirs\nnet: {kind: unet, depth: 30}\ntrain_batch: 8\n", "net:\n  depth: 3\n  wide: true\ntrain_batch: 8\n",
        "net:\n  depth: 3\n  wide: false\ntrain_batch: 8\n",
        "net:\n  depth: 3\n  wide: false\ntrain_batch: 8\nlr: never\n",
        "net:\n  depth: 3\n  wide: false\ntrain_batch: 8\nlr: always\n"}) {
    programs_.folder().write(kConfig, changed);
    ASSERT_EQ(tune({"--budget", "20s"}).exit_status, 0) << changed;
    EXPECT_EQ(reused(), 0U) << changed;
  }
}

TEST_F(BenchmarkCommand, AProgramThatCannotValidateIsNotSaidToHaveDoneSo) {
  const ChildResult result = tune({"--budget", "20s"});
  EXPECT_THAT(result.out, HasSubstr("It was measured once more at the end."));
  EXPECT_THAT(result.out, Not(HasSubstr("validation")));
}

TEST_F(BenchmarkCommand, ABatchOutOfAllBoundsIsAnErrorThatNamesFileAndKey) {
  for (const char* batch : {"99999999999999999999", "9223372036854775807", "0", "-8"}) {
    programs_.folder().write(kConfig, std::string("train_batch: ") + batch + "\n");
    const ChildResult result = tune();
    EXPECT_EQ(result.exit_status, 2) << batch;
    EXPECT_THAT(result.err, HasSubstr("configs/mine.yaml: train_batch")) << batch;
  }
}

TEST_F(BenchmarkCommand, AProgramThatCountsTokensIsSearchedBeyondWhatImagesNeed) {
  programs_.folder().write(kConfig, "train_batch: 16384\n");
  programs_.folder().write_script("train.sh",
                                  "b=$(sed -n 's/^train_batch: *\\([0-9]*\\).*/\\1/p' \"$1\")\n"
                                  "for i in 1 2 3 4 5; do echo \"$((b * 100000 / (20000 + b))) img/s\"; done\n");
  ASSERT_EQ(tune({"--budget", "20s"}).exit_status, 0);
  EXPECT_GT(record()["chosen_batch_size"], 8192);
}

TEST_F(BenchmarkCommand, CtrlCKeepsWhatWasMeasuredAndEndsTheProgram) {
  programs_.folder().write_script("train.sh", "while :; do echo '100 img/s'; sleep 0.02; done\n");
  RunningProgram running(programs_, {program(), "benchmark", kConfig, "--command", "./train.sh {config}", "--batch-key",
                                     "train_batch", "--rate-regex", "([0-9.]+) img/s", "--trial-seconds", "0.2"});
  ASSERT_TRUE(running.wait_for_output("fits")) << running.err();
  running.send(SIGINT);
  EXPECT_EQ(running.wait(), 130) << running.err();
  EXPECT_EQ(record()["interrupted"], true);
  EXPECT_FALSE(record()["trials"].empty());
  EXPECT_FALSE(programs_.exists(kOutput));
}

TEST_F(BenchmarkCommand, AnExpressionThatIsNoneIsAnError) {
  EXPECT_EQ(tune({"--rate-regex", "([0-9"}).exit_status, 2);
  const ChildResult ahead = tune({"--rate-regex", "([0-9.]+)(?= img/s)"});
  EXPECT_EQ(ahead.exit_status, 2);
  EXPECT_THAT(ahead.err, HasSubstr("has a look-ahead, '(?='"));
}

}  // namespace
}  // namespace wring
