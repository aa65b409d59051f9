#include "wring_train/run/experiment.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring/base/files.h"

namespace wring {
namespace {
namespace fs = std::filesystem;

class ExperimentFolder : public testing::Test {
 protected:
  void SetUp() override { root_ = fs::path(testing::TempDir()) / ("wring_experiment_" + std::to_string(::getpid())); }
  void TearDown() override { fs::remove_all(root_); }
  fs::path root_;
  fs::path archived_to_;
};

TEST_F(ExperimentFolder, AnEarlierRunOfTheSameNameIsKeptUnderAnotherName) {
  write_file_atomically((make_folder(root_ / "run"), root_ / "run" / "train.log"), "precious");
  const Experiment experiment = open_experiment(root_, "run", /*resume=*/false, archived_to_);
  EXPECT_EQ(read_file(archived_to_ / "train.log"), "precious");
  EXPECT_FALSE(fs::exists(experiment.log()));
  EXPECT_TRUE(fs::is_directory(experiment.checkpoints()));
}

TEST_F(ExperimentFolder, ResumingUsesTheFolderAsItIs) {
  write_file_atomically((make_folder(root_ / "run"), root_ / "run" / "train.log"), "precious");
  const Experiment experiment = open_experiment(root_, "run", /*resume=*/true, archived_to_);
  EXPECT_EQ(read_file(experiment.log()), "precious");
  EXPECT_TRUE(archived_to_.empty());
}

TEST_F(ExperimentFolder, OfARunThatIsStillWritingIsNeitherArchivedNorResumed) {
  {
    const Experiment running = open_experiment(root_, "run", /*resume=*/false, archived_to_);
    write_file_atomically(running.log(), "precious");
    for (const bool resume : {false, true}) {
      EXPECT_THROW(open_experiment(root_, "run", resume, archived_to_), Error);
      EXPECT_EQ(read_file(running.log()), "precious");
    }
    EXPECT_TRUE(archived_to_.empty());
    EXPECT_TRUE(fs::exists(open_experiment(root_, "another", false, archived_to_).folder));
  }
  EXPECT_EQ(read_file(open_experiment(root_, "run", true, archived_to_).log()), "precious");
}

TEST_F(ExperimentFolder, TheNameIsTheConfigsStemUnlessGiven) {
  TrainConfig config;
  EXPECT_EQ(experiment_name(config, "configs/balanced.yaml"), "balanced");
  config.experiment_name = "mine";
  EXPECT_EQ(experiment_name(config, "configs/balanced.yaml"), "mine");
}

}  // namespace
}  // namespace wring
