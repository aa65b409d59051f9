// Folders that are moved, removed, not mounted or not ours; files that cannot be read; data that has changed; memory
// that ends.
#include <map>

#include <unistd.h>

#include "train_fixture.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
namespace fs = std::filesystem;

class TrainPaths : public TrainTest {
 protected:
  fs::path path(const std::string& name) const { return programs_.folder().path() / name; }
  // Every file below `experiments` with its size, to see that nothing was touched.
  std::map<std::string, std::uintmax_t> files() const {
    std::map<std::string, std::uintmax_t> sizes;
    for (const auto& entry : fs::recursive_directory_iterator(path("experiments"))) {
      sizes[entry.path().string()] = entry.is_regular_file() ? entry.file_size() : 0;
    }
    return sizes;
  }
  void expect_refused_and_untouched(const std::string& why) const {
    const auto before = files();
    const ChildResult resumed = train({"--resume"});
    EXPECT_EQ(resumed.exit_status, 1) << resumed.err;
    EXPECT_THAT(resumed.err, HasSubstr(why));
    EXPECT_EQ(files(), before);
  }
};

TEST_F(TrainPaths, CheckpointsOnADiskThatIsNotMountedAreNoNewRun) {
  ASSERT_EQ(train().exit_status, 0);
  fs::rename(path("experiments/run/checkpoints"), path("disk"));
  fs::create_directory_symlink("../../gone", path("experiments/run/checkpoints"));
  expect_refused_and_untouched("checkpoints is a link to ../../gone, which is not there");
}

TEST_F(TrainPaths, ExperimentsOnADiskThatIsNotMountedAreNoNewRun) {
  ASSERT_EQ(train().exit_status, 0);
  fs::rename(path("experiments"), path("disk"));
  fs::create_directory_symlink("gone", path("experiments"));
  const ChildResult resumed = train({"--resume"});
  EXPECT_EQ(resumed.exit_status, 1);
  EXPECT_THAT(resumed.err, HasSubstr("experiments is a link to gone, which is not there"));
  EXPECT_FALSE(programs_.exists("gone"));
}

TEST_F(TrainPaths, ImagesOnADiskThatIsNotMountedAreNotPassedOver) {
  fs::create_symlink("/absent/disk", path("data/train/LR"));
  const auto refused = [&](const std::string& why) {
    const ChildResult result = train();
    EXPECT_EQ(result.exit_status, 1) << result.err;
    EXPECT_THAT(result.err, HasSubstr(why + " is a link to /absent/disk, which is not there"));
    EXPECT_FALSE(programs_.exists("experiments"));
  };
  refused("data/train/LR");
  fs::remove(path("data/train/LR"));
  fs::remove_all(path("data/val/HR"));
  fs::create_symlink("/absent/disk", path("data/val/HR"));
  refused("data/val/HR");
}

TEST_F(TrainPaths, CheckpointsThatWereTakenAwayAreNoNewRun) {
  ASSERT_EQ(train().exit_status, 0);
  fs::rename(path("experiments/run/checkpoints"), path("elsewhere"));
  expect_refused_and_untouched("has been trained, but its checkpoints folder holds no state");
}

TEST_F(TrainPaths, TheNewestStateThatCannotBeReadIsNeitherDamagedNorPassedOver) {
  ASSERT_EQ(train().exit_status, 0);
  fs::rename(path(checkpoint("state_6.safetensors")), path("state"));
  fs::create_symlink("/nowhere/disk/state_6.safetensors", path(checkpoint("state_6.safetensors")));
  expect_refused_and_untouched("cannot read experiments/run/checkpoints/state_6.safetensors");
}

TEST_F(TrainPaths, TheBestNetworkThatCannotBeReadIsNotReplaced) {
  ASSERT_EQ(train({"--set", "total_iters=4"}).exit_status, 0);
  fs::rename(path(checkpoint("best.safetensors")), path("best"));
  fs::create_symlink("/nowhere/disk/best.safetensors", path(checkpoint("best.safetensors")));
  expect_refused_and_untouched("cannot read experiments/run/checkpoints/best.safetensors");
  EXPECT_TRUE(fs::is_symlink(path(checkpoint("best.safetensors"))));
}

TEST_F(TrainPaths, WithoutPermissionNothingIsResumedAndNothingTouched) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  ASSERT_EQ(train().exit_status, 0);
  for (const char* name : {"experiments/run/checkpoints/state_6.safetensors", "experiments/run"}) {
    const auto before = fs::status(path(name)).permissions();
    fs::permissions(path(name), fs::perms::none);
    const ChildResult resumed = train({"--resume"});
    fs::permissions(path(name), before);
    EXPECT_EQ(resumed.exit_status, 1) << resumed.err;
    EXPECT_THAT(resumed.err, AllOf(HasSubstr("Permission denied"), Not(HasSubstr("nothing to resume"))));
  }
  EXPECT_THAT(saved_steps(), ElementsAre(6, 4));
}

TEST_F(TrainPaths, ARunThatIsMovedSaysWhereItGoesOnAndSharesNothingWithTheNext) {
  const ChildResult moved = during_a_run(
      "mv experiments/run experiments/moved; until_said 'run was moved while the run trains'\n" +
      Programs::binary("wring") + " train tiny.yaml --device cpu --set base_channels=4 2> second; kill -TERM $p");
  EXPECT_EQ(moved.exit_status, 130) << moved.err;
  EXPECT_THAT(moved.err, AllOf(HasSubstr("experiments/moved"), HasSubstr("--set experiment_name=moved")));
  EXPECT_THAT(programs_.read("second"), HasSubstr("done: 6 steps"));
  EXPECT_THAT(saved_steps(), ElementsAre(6, 4));
  ASSERT_THAT(saved_steps("moved"), Not(IsEmpty()));
  EXPECT_GT(saved_steps("moved").front(), 6);
  const std::string total = std::to_string(saved_steps("moved").front() + 2);
  const ChildResult resumed = train({"--resume", "--set", "experiment_name=moved", "total_iters=" + total});
  EXPECT_EQ(resumed.exit_status, 0) << resumed.err;
}

TEST_F(TrainPaths, ARunWhoseFolderIsRemovedSavesWhatItHasAndStops) {
  const ChildResult removed = during_a_run("kill -STOP $p; rm -rf experiments; kill -CONT $p");
  EXPECT_EQ(removed.exit_status, 1) << removed.err;
  EXPECT_THAT(removed.err, AllOf(HasSubstr("the folder of this run, experiments/run, was removed while it trained"),
                                 HasSubstr("Saved in experiments/run: config, state and network")));
  ASSERT_THAT(saved_steps(), Not(IsEmpty()));
  EXPECT_TRUE(programs_.exists("experiments/run/config.yaml"));
  EXPECT_TRUE(programs_.exists(checkpoint("last.safetensors")));
  const std::string total = std::to_string(saved_steps().front() + 2);
  const ChildResult resumed = train({"--resume", "--set", "total_iters=" + total});
  EXPECT_EQ(resumed.exit_status, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("resuming at step"));
}

TEST_F(TrainPaths, CheckpointsThatAreMovedAreFollowedAndThoseThatAreRemovedAreMadeAnew) {
  const ChildResult result = during_a_run(
      "mv experiments/run/checkpoints aside; until_said 'checkpoints was moved while the run trains'\n"
      "kill -STOP $p; rm -rf aside; kill -CONT $p; until_said 'is made anew'; kill -TERM $p");
  EXPECT_EQ(result.exit_status, 130) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("aside"), HasSubstr("; saved. Continue with:")));
  EXPECT_THAT(saved_steps(), Not(IsEmpty()));
}

TEST_F(TrainPaths, ACacheFileThatIsCutShortIsToldAndTheRunGoesOn) {
  const ChildResult result = during_a_run(
      "until ls cache/decoded-*/*.wring-set > set || ! running; do sleep 0.05; done\n"
      ": > \"$(cat set)\"; until_said 'cache file of the decoded images cannot be read any more'\n"
      "until_more_lines; kill -TERM $p");
  EXPECT_EQ(result.exit_status, 130) << result.err;
  EXPECT_THAT(result.err, HasSubstr("; saved. Continue with:"));
}

TEST_F(TrainPaths, WhatHasChangedSinceTheCheckpointIsToldALineEach) {
  ASSERT_EQ(train({"--set", "total_iters=4"}).exit_status, 0);
  fs::remove(path("data/train/HR/3.png"));
  const ChildResult resumed = train({"--resume", "--set", "seed=7", "loss=mse", "patch_size=24"});
  ASSERT_EQ(resumed.exit_status, 0) << resumed.err;
  EXPECT_THAT(resumed.err, AllOf(HasSubstr("there were 4, there are 3"), HasSubstr("seed has changed"),
                                 HasSubstr("loss has changed"), HasSubstr("patch_size has changed")));
  EXPECT_THAT(resumed.err, Not(HasSubstr("lr has changed")));
}

TEST_F(TrainPaths, WhatAKilledRunLeftOfFilesItWasWritingIsRemoved) {
  ASSERT_EQ(train({"--set", "total_iters=4"}).exit_status, 0);
  const std::string left = ".wring-0123456789abcdef0123456789abcdef.tmp";
  for (const std::string& folder : {std::string("experiments/run/"), checkpoint("")}) {
    programs_.folder().write(folder + left, "what a kill left");
  }
  ASSERT_EQ(train({"--resume"}).exit_status, 0);
  EXPECT_FALSE(programs_.exists("experiments/run/" + left));
  EXPECT_FALSE(programs_.exists(checkpoint(left)));
}

// Runs wring-train with little more memory than it needs to start.
class LittleMemory : public TrainPaths {
 protected:
  ChildResult limited(const std::string& arguments) const {
    const std::string program = Programs::binary("wring-train");
    return programs_.run(
        "sh", {"-c", "for gb in 2 3 4 5 6 8 12 16; do (ulimit -v ${gb}000000; " + program +
                         " about > about 2>&1) && break; done\nulimit -v $((gb * 1000000 + 500000))\n" + "exec " +
                         program + " " + arguments});
  }
};

TEST_F(LittleMemory, ANetworkThatDoesNotFitIsToldAsThat) {
  const ChildResult result = limited("train tiny.yaml --device cpu --set base_channels=1024 num_blocks=256");
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("the memory of this computer ended"), HasSubstr("(ulimit -v)"),
                                HasSubstr("lower base_channels"), Not(HasSubstr("should not happen"))));
  EXPECT_FALSE(programs_.exists("experiments"));
}

TEST_F(LittleMemory, AnEnlargementThatDoesNotFitIsToldWithItsSize) {
  ASSERT_EQ(train().exit_status, 0);
  write_png(path("large.png"), Image(8000, 8000, 3));
  const ChildResult result = limited("upscale " + checkpoint("best.safetensors") + " large.png --device cpu");
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("large.png: the memory of this computer ended"),
                                HasSubstr("8000 × 8000 pixels become 16000 × 16000"), Not(HasSubstr("should not"))));
  EXPECT_FALSE(programs_.exists("large_x2.png"));
}

}  // namespace
}  // namespace wring
