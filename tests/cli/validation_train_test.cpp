// A validation takes long: what is due is saved before it, a signal ends it, and a resumed run begins with it. Metrics
// that a run was stopped between are those of a run that was not.
#include "fixtures/running_program.h"
#include "train_fixture.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

class TrainValidation : public TrainTest {
 protected:
  void SetUp() override {
    TrainTest::SetUp();
    std::string config = kTinyTraining;
    config.replace(config.find("checkpoint_freq: 2"), 18, "checkpoint_freq: 3");
    programs_.folder().write("tiny.yaml", config + "scheduler: constant\n");
  }
  fs::path path(const std::string& name) const { return programs_.folder().path() / name; }

  // One photograph under many names: half a minute and more of validation.
  void make_validation_long() const {
    draw_photograph(programs_, "data/long/0.png", 240, 240, 1);
    for (int i = 1; i < 3000; ++i) {
      fs::create_hard_link(path("data/long/0.png"), path("data/long/" + std::to_string(i) + ".png"));
    }
  }
  RunningProgram start(const std::vector<std::string>& more) const {
    std::vector<std::string> command{Programs::binary("wring"), "train", "tiny.yaml", "--device", "cpu"};
    command.insert(command.end(), more.begin(), more.end());
    return RunningProgram(programs_, command);
  }
  // Whether the state was on disk before the validation of its step had ended.
  bool wait_for_state(const std::string& name) const {
    return RunningProgram::wait_until([&] { return programs_.exists(checkpoint(name)); });
  }
  int validations_of(int step, const std::string& run = "run") const {
    const auto lines = metrics(run);
    return static_cast<int>(std::ranges::count_if(
        lines, [step](const auto& line) { return line["step"] == step && line.contains("val_psnr_y"); }));
  }
  void expect_the_end_of(const std::string& whole) const {
    for (const char* file : {"state_6.safetensors", "last.safetensors", "best.safetensors"}) {
      EXPECT_EQ(programs_.read(checkpoint(file)), programs_.read(checkpoint(file, whole))) << file;
    }
  }
};

TEST_F(TrainValidation, IsEndedByASignalAndMadeUpForByTheResumedRun) {
  ASSERT_EQ(train({"--set", "experiment_name=whole"}).exit_status, 0);
  make_validation_long();
  RunningProgram run = start({"--val-hr", "data/long"});
  ASSERT_TRUE(wait_for_state("state_3.safetensors")) << run.err();
  run.send(SIGTERM);
  EXPECT_EQ(run.wait(), 130) << run.err();
  EXPECT_THAT(run.err(),
              AllOf(HasSubstr("step 3: the validation was given up"), HasSubstr("stopped at step 3; saved")));
  EXPECT_EQ(validations_of(3), 0);

  const ChildResult resumed = train({"--resume"});
  ASSERT_EQ(resumed.exit_status, 0) << resumed.err;
  EXPECT_THAT(resumed.err, AllOf(HasSubstr("step 3: validation PSNR-Y"), HasSubstr("step 6: validation PSNR-Y")));
  expect_the_end_of("whole");
}

TEST_F(TrainValidation, OfTheLastStepToo) {
  ASSERT_EQ(train({"--set", "experiment_name=whole"}).exit_status, 0);
  make_validation_long();
  RunningProgram run = start({"--val-hr", "data/long", "--set", "val_freq=6"});
  ASSERT_TRUE(wait_for_state("state_6.safetensors")) << run.err();
  run.send(SIGUSR1);
  EXPECT_EQ(run.wait(), 130) << run.err();

  const ChildResult resumed = train({"--resume", "--set", "val_freq=6"});
  ASSERT_EQ(resumed.exit_status, 0) << resumed.err;
  EXPECT_THAT(resumed.err, AllOf(HasSubstr("step 6: validation PSNR-Y"), HasSubstr("done: 6 steps")));
  EXPECT_EQ(programs_.read(checkpoint("best.safetensors")), programs_.read(checkpoint("last.safetensors", "whole")));
  EXPECT_THAT(train({"--resume", "--set", "val_freq=6"}).err, HasSubstr("nothing to do"));
}

TEST_F(TrainValidation, IsEndedOnAllRanksByASignalToOne) {
  make_validation_long();
  RunningProgram run = start({"--val-hr", "data/long", "--nproc", "2"});
  ASSERT_TRUE(wait_for_state("state_3.safetensors")) << run.err();
  const std::string id = std::to_string(run.pid());
  std::istringstream children(read_file("/proc/" + id + "/task/" + id + "/children"));
  pid_t first = 0, second = 0;
  ASSERT_TRUE(children >> first >> second);
  ::kill(second, SIGUSR1);
  EXPECT_EQ(run.wait(), 130) << run.err();
  EXPECT_THAT(run.err(),
              AllOf(HasSubstr("step 3: the validation was given up"), HasSubstr("stopped at step 3; saved")));
}

TEST_F(TrainValidation, ThatAKillPartedFromItsCheckpointIsMeasuredOnceMoreAndLoggedOnce) {
  ASSERT_EQ(train({"--set", "experiment_name=whole"}).exit_status, 0);
  fs::copy(path("experiments/whole"), path("experiments/run"), fs::copy_options::recursive);
  fs::remove(path(checkpoint("state_6.safetensors")));
  const ChildResult resumed = train({"--resume"});
  ASSERT_EQ(resumed.exit_status, 0) << resumed.err;
  EXPECT_THAT(resumed.err, AllOf(HasSubstr("resuming at step 3"), HasSubstr("step 3: validation PSNR-Y")));
  for (const int step : {3, 6}) EXPECT_EQ(validations_of(step), 1) << step;
  expect_the_end_of("whole");
}

TEST_F(TrainValidation, TheLossOfAResumedRunIsTheMeanSinceTheLastLine) {
  const std::vector<std::string> settings{"--set", "total_iters=8", "log_freq=4", "val_freq=100"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), settings.begin(), settings.end());
    return train(more);
  };
  ASSERT_EQ(with({"--set", "experiment_name=whole"}).exit_status, 0);
  fs::copy(path("experiments/whole"), path("experiments/run"), fs::copy_options::recursive);
  fs::remove(path(checkpoint("state_8.safetensors")));
  const ChildResult resumed = with({"--resume"});
  ASSERT_EQ(resumed.exit_status, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("resuming at step 6"));
  const auto loss_of_the_end = [&](const std::string& run) {
    for (const auto& line : metrics(run)) {
      if (line["step"] == 8 && line.contains("loss")) return line["loss"].get<double>();
    }
    return 0.0;
  };
  EXPECT_GT(loss_of_the_end("whole"), 0);
  EXPECT_EQ(loss_of_the_end("run"), loss_of_the_end("whole"));
}

}  // namespace
}  // namespace wring
