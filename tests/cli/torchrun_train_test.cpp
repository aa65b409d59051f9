// wring train started by torchrun and its forerunner.
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/ranks_train_fixture.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::AllOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

class Torchrun : public RanksTrain {
 protected:
  void SetUp() override {
    RanksTrain::SetUp();
    const char* python = std::getenv("WRING_TEST_PYTHON");
    torchrun_ = python != nullptr ? fs::path(python).parent_path() / "torchrun" : fs::path();
    if (!fs::exists(torchrun_)) GTEST_SKIP() << "There is no torchrun beside WRING_TEST_PYTHON.";
  }
  std::vector<std::string> command(const std::vector<std::string>& options,
                                   const std::vector<std::string>& more) const {
    std::vector<std::string> line{torchrun_.string(), "--no-python",
                                  "--nproc-per-node", "2",
                                  "--master-port",    std::to_string(30000 + ::getpid() % 10000)};
    line.insert(line.end(), options.begin(), options.end());
    line.push_back(Programs::binary("wring"));
    const auto train = words(1, more);
    line.insert(line.end(), train.begin(), train.end());
    return line;
  }

  fs::path torchrun_;
};

TEST_F(Torchrun, ItsRanksLearnAsThoseOfNproc) {
  ASSERT_EQ(train(2, {"--set", "experiment_name=nproc"}).exit_status, 0);
  const std::vector<std::string> line = command({}, {});
  const ChildResult result = programs_.run(line[0], {line.begin() + 1, line.end()});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_EQ(values("run", "loss"), values("nproc", "loss"));
  EXPECT_EQ(programs_.read("experiments/run/checkpoints/last.safetensors"),
            programs_.read("experiments/nproc/checkpoints/last.safetensors"));
}

// The guide's launcher: with these two flags it starts a program that is not Python's.
TEST_F(Torchrun, TheOldLaunchersModuleStartsItToo) {
  const std::string python = std::getenv("WRING_TEST_PYTHON");
  std::vector<std::string> line{
      "-m",          "torch.distributed.launch", "--use_env",
      "--no_python", "--nproc_per_node=2",       "--master_port=" + std::to_string(30000 + ::getpid() % 10000)};
  line.push_back(Programs::binary("wring"));
  for (const std::string& word : words(1, {})) line.push_back(word);
  const ChildResult result = programs_.run(python, line);
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("ranks: 2"), HasSubstr("done: 6 steps")));
}

TEST_F(Torchrun, ARestartedJobGoesOnFromItsCheckpoint) {
  RunningProgram run(programs_, command({"--max-restarts", "1"}, {"--set", "total_iters=1000000", "val_freq=1000000"}));
  ASSERT_TRUE(RunningProgram::wait_until([&] { return steps_done() > 5; })) << run.err();
  ::kill(children_of(run.pid()).back(), SIGKILL);
  EXPECT_TRUE(RunningProgram::wait_until([&] { return run.err().find("resuming at step") != std::string::npos; }))
      << run.err();
  run.send(SIGTERM);  // which torchrun passes on: its ranks would train on for ever without it
  run.wait();
}

}  // namespace
}  // namespace wring
