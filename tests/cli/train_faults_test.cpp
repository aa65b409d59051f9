// What can go wrong in the middle of a training run: signals, damaged checkpoints, a full disk, an unstable loss.
#include <map>

#include "train_fixture.h"
#include "wring_train/weights/safetensors.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
namespace fs = std::filesystem;

class TrainFaults : public TrainTest {
 protected:
  fs::path path(const std::string& name) const { return programs_.folder().path() / name; }
  void damage(const std::string& name) const {
    std::string content = programs_.read(name);
    content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 4);
    write_file_atomically(path(name), content);
  }
  bool has_prlimit() const { return programs_.run("sh", {"-c", "command -v prlimit"}).exit_status == 0; }
};

TEST_F(TrainFaults, TheNewestCheckpointsAreKeptAndNoOthers) {
  ASSERT_EQ(train().exit_status, 0);
  EXPECT_THAT(saved_steps(), ElementsAre(6, 4));
  ASSERT_EQ(train({"--set", "keep_checkpoints=3"}).exit_status, 0);
  EXPECT_THAT(saved_steps(), ElementsAre(6, 4, 2));
}

TEST_F(TrainFaults, ADamagedCheckpointIsNamedAndTheOneBeforeGoesOnToTheSameEnd) {
  ASSERT_EQ(train().exit_status, 0);
  const std::string state = programs_.read(checkpoint("state_6.safetensors"));
  damage(checkpoint("state_6.safetensors"));
  const ChildResult resumed = train({"--resume"});
  ASSERT_EQ(resumed.exit_status, 0) << resumed.err;
  EXPECT_THAT(resumed.err, AllOf(HasSubstr("state_6.safetensors: its checksum is"), HasSubstr("resuming at step 4")));
  EXPECT_EQ(programs_.read(checkpoint("state_6.safetensors")), state);
  EXPECT_TRUE(programs_.exists(checkpoint("state_6.safetensors.damaged")));
}

TEST_F(TrainFaults, ACutCheckpointIsNamedToo) {
  ASSERT_EQ(train().exit_status, 0);
  fs::resize_file(path(checkpoint("state_6.safetensors")), 1000);
  const ChildResult resumed = train({"--resume"});
  EXPECT_EQ(resumed.exit_status, 0) << resumed.err;
  EXPECT_THAT(resumed.err, AllOf(HasSubstr("state_6.safetensors"), HasSubstr("resuming at step 4")));
}

TEST_F(TrainFaults, WithoutAWholeCheckpointResumingFailsAndTouchesNothing) {
  ASSERT_EQ(train().exit_status, 0);
  for (const int step : saved_steps()) damage(checkpoint("state_" + std::to_string(step) + ".safetensors"));
  const ChildResult resumed = train({"--resume"});
  EXPECT_EQ(resumed.exit_status, 1);
  EXPECT_THAT(resumed.err,
              AllOf(HasSubstr("state_4.safetensors"), HasSubstr("no checkpoint in"), HasSubstr("is whole")));
  EXPECT_THAT(saved_steps(), ElementsAre(6, 4));
}

TEST_F(TrainFaults, ANetworkThatAKillPartedFromItsStateIsMadeToAgreeAgain) {
  ASSERT_EQ(train({"--set", "total_iters=4", "scheduler=constant"}).exit_status, 0);
  const std::string older = programs_.read(checkpoint("last.safetensors"));
  ASSERT_EQ(train({"--resume", "--set", "scheduler=constant"}).exit_status, 0);
  const std::string newest = programs_.read(checkpoint("last.safetensors"));
  write_file_atomically(path(checkpoint("last.safetensors")), older);
  ASSERT_EQ(train({"--resume", "--set", "scheduler=constant"}).exit_status, 0);
  EXPECT_EQ(programs_.read(checkpoint("last.safetensors")), newest);
}

TEST_F(TrainFaults, ABestNetworkThatIsGoneIsSaidAndMadeAnew) {
  ASSERT_EQ(train({"--set", "total_iters=4", "scheduler=constant"}).exit_status, 0);
  fs::remove(path(checkpoint("best.safetensors")));
  const ChildResult resumed = train({"--resume", "--set", "scheduler=constant"});
  EXPECT_EQ(resumed.exit_status, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("best.safetensors: the best network"));
  EXPECT_TRUE(programs_.exists(checkpoint("best.safetensors")));
}

TEST_F(TrainFaults, AFinishedRunHasNothingToDo) {
  ASSERT_EQ(train().exit_status, 0);
  for (const char* total : {"total_iters=6", "total_iters=3"}) {
    const ChildResult again = train({"--resume", "--set", total});
    EXPECT_EQ(again.exit_status, 0) << again.err;
    EXPECT_THAT(again.err, AllOf(HasSubstr("nothing to do: 6 steps are done"), Not(HasSubstr("done: "))));
  }
}

TEST_F(TrainFaults, WithoutAValidationSetTheEndNamesANetworkThatIsThere) {
  fs::remove_all(path("data/val"));
  const ChildResult result = train();
  ASSERT_EQ(result.exit_status, 0) << result.err;
  const std::string named = "done: 6 steps. Network: " + checkpoint("best.safetensors");
  EXPECT_THAT(result.err, HasSubstr(named));
  EXPECT_TRUE(programs_.exists(checkpoint("best.safetensors")));
}

TEST_F(TrainFaults, AClosedTerminalSavesLikeTermination) {
  const ChildResult result = interrupted_by("HUP");
  EXPECT_EQ(result.exit_status, 130) << result.err;
  EXPECT_THAT(result.err, HasSubstr("; saved. Continue with:"));
}

TEST_F(TrainFaults, UnderNohupAClosedTerminalIsIgnored) {
  const ChildResult result =
      during_a_run("kill -HUP $p; until_more_lines; until_more_lines; kill -TERM $p", "trap '' HUP");
  EXPECT_EQ(result.exit_status, 130) << result.err;
}

TEST_F(TrainFaults, AReaderOfTheMessagesThatEndsDoesNotEndTheRun) {
  programs_.run("sh", {"-c", Programs::binary("wring") + " train tiny.yaml --device cpu 2>&1 | head -n 1"});
  EXPECT_THAT(saved_steps(), ElementsAre(6, 4));
  EXPECT_THAT(programs_.read("experiments/run/train.log"), HasSubstr("done: 6 steps"));
}

TEST_F(TrainFaults, ASignalBeforeTheFirstStepEndsTheRunAndTouchesNothing) {
  // The run reads its config from a pipe: it is known to listen for signals then.
  for (const std::string signal : {"INT", "TERM", "HUP", "USR1"}) {
    const ChildResult result =
        programs_.run("sh", {"-c", "rm -f pipe; mkfifo pipe; " + Programs::binary("wring-train") +
                                       " train pipe --device cpu & p=$!; exec 3> pipe; kill -" + signal +
                                       " $p; cat tiny.yaml >&3; exec 3>&-; wait $p"});
    EXPECT_EQ(result.exit_status, 130) << signal << ": " << result.err;
    EXPECT_THAT(result.err, HasSubstr("stopped before the first step")) << signal;
    EXPECT_FALSE(programs_.exists("experiments")) << signal;
  }
}

const char* const kFullDisk = "prlimit --pid $p --fsize=2000:unlimited; ";

TEST_F(TrainFaults, AFullDiskIsSaidAndTheRunGoesOnUntilThereIsRoom) {
  if (!has_prlimit()) GTEST_SKIP() << "there is no prlimit here";
  const ChildResult result = during_a_run(std::string(kFullDisk) +
                                          "until_said 'state_.*tried again at the next checkpoint'\n"
                                          "until_said 'metrics.jsonl: .*wait in memory'\n"
                                          "prlimit --pid $p --fsize=unlimited; until_more_lines; kill -TERM $p");
  EXPECT_EQ(result.exit_status, 130) << result.err;
  EXPECT_THAT(result.err, HasSubstr("; saved. Continue with:"));
  int expected = 0;  // no line was lost, and none is there twice
  for (const auto& line : metrics()) {
    if (!line.contains("loss")) continue;
    expected += 2;
    EXPECT_EQ(line["step"], expected);
  }
  EXPECT_GT(expected, 0);
}

TEST_F(TrainFaults, ADiskThatStaysFullEndsInAnErrorThatNamesWhatIsMissing) {
  if (!has_prlimit()) GTEST_SKIP() << "there is no prlimit here";
  const ChildResult result =
      during_a_run(std::string(kFullDisk) + "until_said 'tried again at the next checkpoint'; kill -TERM $p");
  EXPECT_EQ(result.exit_status, 1) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("not all of it is on disk"), HasSubstr("last.safetensors: File too large"),
                                HasSubstr("the newest checkpoint is of step"), HasSubstr("--resume")));
  EXPECT_THAT(saved_steps(), Not(IsEmpty()));
  for (const auto& entry : fs::recursive_directory_iterator(path("experiments"))) {
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr(".tmp")));
  }
}

TEST_F(TrainFaults, AStepWithoutAFiniteLossIsSkippedAndCounted) {
  programs_.set("WRING_TEST_NAN_LOSS", "2-2");
  const ChildResult result = train({"--set", "log_freq=1", "grad_clip=1e-9", "warmup_iters=4"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("1 of the steps up to 3 were skipped"));
  std::vector<int> skipped;
  for (const auto& line : metrics()) {
    if (!line.contains("loss")) continue;
    skipped.push_back(line["skipped_steps"]);
    EXPECT_EQ(line["loss"].is_null(), line["step"] == 3) << line;
    EXPECT_GT(line["grad_norm"], 0);
    EXPECT_LT(line["clip_factor"], 1);
    const double step = line["step"];
    if (step <= 4) {
      EXPECT_NEAR(line["lr"], 0.001 * step / 4, 1e-12);
    }
  }
  EXPECT_THAT(skipped, ElementsAre(0, 0, 1, 1, 1, 1));
}

// Ten steps in a row without a finite loss, from step 4 on, unless the learning rate falls.
class UnstableTraining : public TrainFaults {
 protected:
  void SetUp() override {
    TrainFaults::SetUp();
    programs_.set("WRING_TEST_NAN_LOSS", "3-1000000:0.0006");
  }
  ChildResult unstable(const std::string& name, const std::string& total, const std::string& more = "seed=0") const {
    return train({"--resume", "--set", "experiment_name=" + name, "total_iters=" + total, "scheduler=constant", more});
  }
};

TEST_F(UnstableTraining, GoesBackToTheLastGoodCheckpointAtHalfTheLearningRate) {
  const ChildResult result = unstable("run", "20");
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("up to step 13: back to the checkpoint of step 2"));
  const auto lines = metrics();
  const auto mark = std::ranges::find_if(lines, [](const auto& line) { return line.contains("rolled_back_from"); });
  ASSERT_NE(mark, lines.end());
  EXPECT_EQ((*mark)["rolled_back_from"], 13);
  EXPECT_EQ((*mark)["step"], 2);
  const auto last =
      std::ranges::find_if(lines.rbegin(), lines.rend(), [](const auto& line) { return line.contains("lr"); });
  EXPECT_EQ((*last)["step"], 20);
  EXPECT_EQ((*last)["lr"], 0.0005);
  EXPECT_EQ((*last)["skipped_steps"], 10);
}

TEST_F(UnstableTraining, KeepsTheHalvedRateWhenItIsResumedAndEndsTheSame) {
  ASSERT_EQ(unstable("whole", "20").exit_status, 0);
  ASSERT_EQ(unstable("run", "15").exit_status, 0);
  const ChildResult resumed = unstable("run", "20");
  ASSERT_EQ(resumed.exit_status, 0) << resumed.err;
  EXPECT_THAT(resumed.err, Not(HasSubstr("back to the checkpoint")));
  EXPECT_EQ(programs_.read(checkpoint("last.safetensors", "whole")), programs_.read(checkpoint("last.safetensors")));
}

TEST_F(UnstableTraining, BeforeTheFirstCheckpointGoesBackToTheStart) {
  const ChildResult result = unstable("run", "20", "checkpoint_freq=1000");
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("back to the checkpoint of step 0"));
}

TEST_F(UnstableTraining, ASecondTimeStopsWithAdviceAndKeepsTheCheckpoint) {
  programs_.set("WRING_TEST_NAN_LOSS", "3-1000000");
  const ChildResult result = unstable("run", "40");
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("training is unstable"), HasSubstr("lower lr"), HasSubstr("warmup_iters")));
  EXPECT_EQ(saved_steps().front(), 2);
}

TEST_F(TrainFaults, EarlyStoppingEndsARunThatGainsNothing) {
  const ChildResult result =
      train({"--set", "total_iters=60", "early_stopping_patience=2", "early_stopping_min_delta=100", "val_freq=3"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("stopped early: no gain in 2 validations"), HasSubstr("done: 9 steps")));
}

TEST_F(TrainFaults, AdanTooResumesToTheSameWeights) {
  ASSERT_EQ(train({"--set", "experiment_name=whole", "scheduler=constant", "optimizer=adan"}).exit_status, 0);
  ASSERT_EQ(train({"--set", "total_iters=4", "scheduler=constant", "optimizer=adan"}).exit_status, 0);
  const ChildResult resumed = train({"--resume", "--set", "scheduler=constant", "optimizer=adan"});
  ASSERT_EQ(resumed.exit_status, 0) << resumed.err;
  EXPECT_EQ(programs_.read(checkpoint("last.safetensors", "whole")), programs_.read(checkpoint("last.safetensors")));
}

TEST_F(TrainFaults, Fp16OnTheCpuSaysWhatItComputesInInstead) {
  const ChildResult result = train({"--device", "cpu", "--set", "use_mixed_precision=true", "amp_dtype=fp16"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.err, testing::AnyOf(HasSubstr("mixed precision is off: this CPU has no bf16 instructions"),
                                         HasSubstr("bf16 in place of fp16")));
}

TEST_F(TrainFaults, QueuesThatCannotFitIntoTheHostsMemoryAreRefusedWithTheNumbers) {
  const ChildResult result =
      train({"--set", "num_workers=512", "prefetch_factor=256", "batch_size=4096", "patch_size=32"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("512 workers × 256 batches ahead × 4096 patches"), HasSubstr("GiB"),
                                HasSubstr("lower prefetch_factor")));
  EXPECT_FALSE(programs_.exists("experiments"));
}

TEST_F(TrainFaults, AStateOfAnEarlierVersionGoesOnAndSaysThatItsSamplesAreOthers) {
  ASSERT_EQ(train({"--set", "total_iters=4", "scheduler=constant"}).exit_status, 0);
  const fs::path state = path(checkpoint("state_4.safetensors"));
  {
    const SafetensorsFile file(state);
    std::map<std::string, std::string> metadata = file.metadata();
    for (const char* later : {"sampling", kSealKey}) ASSERT_EQ(metadata.erase(later), 1U);
    write_safetensors(state, file.tensors(), metadata, Seal::crc32);
  }
  const ChildResult resumed = train({"--resume", "--set", "scheduler=constant"});
  EXPECT_EQ(resumed.exit_status, 0) << resumed.err;
  EXPECT_THAT(resumed.err, AllOf(HasSubstr("resuming at step 4"), HasSubstr("which drew other samples")));
  EXPECT_THAT(train({"--resume", "--set", "total_iters=8"}).err, Not(HasSubstr("which drew other samples")));
}

class ApplyFaults : public TrainFaults {
 protected:
  void SetUp() override {
    TrainFaults::SetUp();
    ASSERT_EQ(train().exit_status, 0);
  }
};

TEST_F(ApplyFaults, EvaluateNamesADamagedImageScoresTheOthersAndFails) {
  fs::resize_file(path("data/val/HR/0.png"), fs::file_size(path("data/val/HR/0.png")) / 2);
  programs_.folder().write("data/val/HR/no_image.png", "text");
  const ChildResult result =
      programs_.wring({"evaluate", checkpoint("best.safetensors"), "data/val/HR", "--json", "--device", "cpu"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("data/val/HR/0.png"), HasSubstr("no_image.png"),
                                HasSubstr("2 of 3 images could not be read")));
  const auto record = nlohmann::json::parse(result.out);
  ASSERT_EQ(record["images"].size(), 1U);
  EXPECT_EQ(record["images"][0]["name"], "1");
  EXPECT_EQ(record["unreadable"].size(), 2U);
}

TEST_F(ApplyFaults, UpscaleOnAFullDiskNamesTheFileAndLeavesNoPartOfIt) {
  const ChildResult result =
      programs_.run("sh", {"-c", "ulimit -f 1; exec " + Programs::binary("wring") + " upscale " +
                                     checkpoint("best.safetensors") + " data/val/HR/0.png -o big.png --device cpu"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("cannot write big.png: File too large"));
  for (const auto& entry : fs::directory_iterator(programs_.folder().path())) {
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("big")));
  }
}

}  // namespace
}  // namespace wring
