#include "wring_train/train/experiment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/temporary_folder.h"
#include "wring/base/error.h"
#include "wring/files/file_errors.h"
#include "wring/files/files.h"
#include "wring_train/train/state_files.h"

namespace wring {
namespace {
namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class ExperimentFolder : public testing::Test {
 protected:
  fs::path root() const { return folder_.path(); }
  Experiment made(const std::string& name = "run") { return make_experiment(root(), name, archived_to_); }
  // What a run that has saved a state leaves behind.
  void trained() {
    const Experiment run = made();
    write_file_atomically(*run.folder, Experiment::kLog, "precious");
    write_file_atomically(*run.folder, Experiment::kMetrics, "{\"step\":1}\n");
    write_file_atomically(*run.checkpoints, state_file(1), "a state");
  }
  std::string refusal() const {
    try {
      find_experiment(root(), "run");
    } catch (const Error& error) {
      return error.what();
    }
    return "none";
  }
  testing_support::TemporaryFolder folder_;
  fs::path archived_to_;
};

TEST_F(ExperimentFolder, AnEarlierRunOfTheSameNameIsKeptUnderAnotherName) {
  trained();
  const Experiment experiment = made();
  EXPECT_EQ(read_file(archived_to_ / "train.log"), "precious");
  EXPECT_FALSE(experiment.folder->status(Experiment::kLog));
  EXPECT_TRUE(fs::is_directory(root() / "run" / "checkpoints"));
}

TEST_F(ExperimentFolder, RunsThatEndWithinASecondAreAllKept) {
  for (int i = 0; i < 3; ++i) trained();
  EXPECT_EQ(std::distance(fs::directory_iterator(root()), {}), 3);
}

TEST_F(ExperimentFolder, ResumingUsesTheFolderAsItIs) {
  trained();
  const auto earlier = find_experiment(root(), "run");
  ASSERT_TRUE(earlier);
  EXPECT_EQ(read_file(*earlier->folder, Experiment::kLog), "precious");
  EXPECT_EQ(state_files(*earlier->checkpoints).size(), 1U);
}

TEST_F(ExperimentFolder, OnlyWhereThereIsNoFolderOrNoStepYetIsThereNothingToResume) {
  EXPECT_FALSE(find_experiment(root(), "run"));
  made();
  EXPECT_FALSE(find_experiment(root(), "run"));
}

TEST_F(ExperimentFolder, ThatHasBeenTrainedButHasNoStateIsNotTakenForNew) {
  trained();
  fs::rename(root() / "run" / "checkpoints", root() / "elsewhere");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("has been trained"), HasSubstr("no state to go on from")));
}

TEST_F(ExperimentFolder, BehindALinkToADiskThatIsNotThereIsNotTakenForNew) {
  trained();
  fs::rename(root() / "run" / "checkpoints", root() / "disk");
  fs::create_directory_symlink("../gone", root() / "run" / "checkpoints");
  EXPECT_THROW(find_experiment(root(), "run"), Unreadable);
  EXPECT_THAT(refusal(), HasSubstr("which is not there"));
  fs::rename(root() / "run", root() / "real");
  fs::create_directory_symlink("gone", root() / "run");
  EXPECT_THROW(find_experiment(root(), "run"), Unreadable);
  EXPECT_THROW(made(), Unreadable);
}

TEST_F(ExperimentFolder, OfARunThatIsStillWritingIsNeitherArchivedNorResumed) {
  {
    const Experiment running = made();
    write_file_atomically(*running.folder, Experiment::kLog, "precious");
    write_file_atomically(*running.checkpoints, state_file(0), "a state");
    EXPECT_THAT(refusal(), HasSubstr("another run is writing"));
    EXPECT_THROW(made(), Error);
    EXPECT_EQ(read_file(*running.folder, Experiment::kLog), "precious");
    EXPECT_TRUE(archived_to_.empty());
    EXPECT_FALSE(made("another").folder->removed());
  }
  EXPECT_EQ(read_file(*find_experiment(root(), "run")->folder, Experiment::kLog), "precious");
}

TEST_F(ExperimentFolder, ThatWasMovedAwayFromItsRunIsNotSharedWithTheNextOfItsName) {
  const Experiment first = made();
  fs::rename(root() / "run", root() / "moved");
  const Experiment second = made();
  write_file_atomically(*first.checkpoints, state_file(1), "first");
  write_file_atomically(*second.checkpoints, state_file(1), "second");
  EXPECT_EQ(read_file(root() / "moved" / "checkpoints" / state_file(1)), "first");
  EXPECT_EQ(read_file(root() / "run" / "checkpoints" / state_file(1)), "second");
  EXPECT_THROW(find_experiment(root(), "moved"), Error);
}

TEST_F(ExperimentFolder, TwoRunsWhoseCheckpointsAreOneFolderDoNotRunAtOnce) {
  trained();
  fs::create_directories(root() / "other");
  fs::create_directory_symlink("../run/checkpoints", root() / "other" / "checkpoints");
  const auto first = find_experiment(root(), "run");
  EXPECT_THROW(find_experiment(root(), "other"), Error);
}

TEST_F(ExperimentFolder, ThatWasRemovedIsMadeAgainBesideWhatTookItsPlace) {
  const fs::path path = root() / "run";
  EXPECT_EQ(make_again(path).folder->path(), path);
  const Experiment beside = make_again(path);
  EXPECT_THAT(beside.folder->path().filename().string(), testing::StartsWith("run_rescued_"));
}

TEST_F(ExperimentFolder, TheNameIsTheConfigsStemUnlessGiven) {
  TrainConfig config;
  EXPECT_EQ(experiment_name(config, "configs/balanced.yaml"), "balanced");
  config.experiment_name = "mine";
  EXPECT_EQ(experiment_name(config, "configs/balanced.yaml"), "mine");
}

}  // namespace
}  // namespace wring
