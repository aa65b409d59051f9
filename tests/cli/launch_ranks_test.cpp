// wring train --nproc, over a wring-train that is a shell script: what each rank is told, what is shown of them, and
// how they end together.
#include <algorithm>
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/running_program.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using testing::Not;

class LaunchRanks : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(programs_.folder().path() / "bin");
    std::filesystem::copy_file(Programs::binary("wring"), programs_.folder().path() / "bin/wring");
    programs_.folder().write("config.yaml", "batch_size: 8\n");
    programs_.set("PATH", "/usr/bin:/bin");
  }
  // What every rank does once it runs; the loader's question about libraries is answered before.
  void ranks_do(const std::string& script) { programs_.folder().write_script("bin/wring-train", script); }

  std::vector<std::string> command(const std::string& count) const {
    return {(programs_.folder().path() / "bin/wring").string(),
            "train",
            "config.yaml",
            "--nproc",
            count,
            "--device",
            "cpu"};
  }
  ChildResult run(const std::string& count) const {
    std::vector<std::string> line = command(count);
    const std::string program = line.front();
    line.erase(line.begin());
    return programs_.run(program, line);
  }

  Programs programs_;
};

TEST_F(LaunchRanks, EachIsToldItsPlaceAndTheArgumentsWithoutNproc) {
  ranks_do(
      "echo \"$RANK of $WORLD_SIZE, $LOCAL_RANK of $LOCAL_WORLD_SIZE at $MASTER_ADDR: $*\" > rank$RANK\n"
      "echo $MASTER_PORT >> ports; echo $WRING_LAUNCHER_PID >> launchers; echo $OMP_NUM_THREADS >> threads\n");
  programs_.set("OMP_NUM_THREADS", "5");
  const ChildResult result = run("3");
  ASSERT_EQ(result.exit_status, 0) << result.err;
  for (const char* rank : {"0", "1", "2"}) {
    const std::string place = std::string(rank) + " of 3";
    EXPECT_EQ(programs_.read(std::string("rank") + rank),
              place + ", " + place + " at 127.0.0.1: train config.yaml --device cpu\n");
  }
  for (const char* file : {"ports", "launchers"}) {
    const std::string text = programs_.read(file);
    const std::string line = text.substr(0, text.find('\n') + 1);
    EXPECT_GT(std::stoi(line), 0) << file;
    EXPECT_EQ(text, line + line + line) << "all the same";
  }
  EXPECT_EQ(programs_.read("threads"), "5\n5\n5\n") << "as the user has it";
}

TEST_F(LaunchRanks, WithoutAWordOfTheUserTheyShareTheCores) {
  ranks_do("echo $OMP_NUM_THREADS > threads$RANK\n");
  const auto without_word = [&](const std::string& line) {
    return programs_.run("/bin/sh", {"-c", "unset OMP_NUM_THREADS; exec " + line});
  };
  const int cores = std::stoi(without_word("nproc").out);
  for (const int ranks : {1, 2, cores + 1}) {
    const ChildResult result =
        without_word("bin/wring train config.yaml --device cpu --nproc=" + std::to_string(ranks));
    ASSERT_EQ(result.exit_status, 0) << result.err;
    EXPECT_EQ(programs_.read("threads0"), std::to_string(std::max(1, cores / ranks)) + "\n") << ranks;
  }
}

TEST_F(LaunchRanks, RankZeroSpeaksForItselfTheOthersWithTheirNumberAndOnceWhereTheySayTheSame) {
  ranks_do("if [ $RANK = 0 ]; then echo hello; else echo 'the same'; echo \"mine: $RANK\" >&2; printf 'no end'; fi\n");
  const ChildResult result = run("3");
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_EQ(result.out, "hello\n");
  EXPECT_THAT(result.err, HasSubstr("[rank 1] mine: 1\n"));
  EXPECT_THAT(result.err, HasSubstr("[rank 2] mine: 2\n"));
  const std::size_t first = result.err.find("the same\n");
  ASSERT_NE(first, std::string::npos) << result.err;
  EXPECT_EQ(result.err.find("the same", first + 1), std::string::npos) << result.err;
}

TEST_F(LaunchRanks, TheOneThatFailsFirstGivesTheExitCode) {
  ranks_do("if [ $RANK = 1 ]; then exit 7; fi; sleep 0.5; exit 3\n");
  EXPECT_EQ(run("3").exit_status, 7);
  ranks_do("if [ $RANK = 1 ]; then exit 9; fi\n");
  EXPECT_EQ(run("2").exit_status, 9) << "though the others are done";
}

TEST_F(LaunchRanks, OneThatASignalEndsIsNamedAndTheOthersDoNotLiveOn) {
  ranks_do(
      "echo $$ > pid$RANK; if [ $RANK = 1 ]; then while ! [ -e pid0 ]; do sleep 0.02; done; kill -SEGV $$; fi; "
      "exec sleep 1000\n");
  const ChildResult result = run("2");
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("rank 1 was ended by signal 11"));
  EXPECT_THAT(result.err, Not(HasSubstr("checkpoint"))) << "nobody knows of one";
  EXPECT_NE(::kill(std::stoi(programs_.read("pid0")), 0), 0) << "rank 0 is gone";
}

TEST_F(LaunchRanks, WhereOneCannotBeStartedTheOthersEnd) {
  ranks_do("echo $$ > pid$RANK; exec sleep 1000\n");
  const ChildResult result =
      programs_.run("sh", {"-c", "ulimit -n 24; exec bin/wring train config.yaml --nproc 40 --device cpu"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("Too many open files"));
  int begun = 0;
  for (int rank = 0; rank < 40; ++rank) {
    const std::string file = "pid" + std::to_string(rank);
    if (!std::filesystem::exists(programs_.folder().path() / file)) continue;
    const std::string pid = programs_.read(file);
    if (pid.empty()) continue;  // it was ended as it wrote
    ++begun;
    EXPECT_NE(::kill(std::stoi(pid), 0), 0) << "rank " << rank << " is gone";
  }
  EXPECT_LT(begun, 40);
}

TEST_F(LaunchRanks, ASignalIsPassedOnAndTheEndIsAnInterrupt) {
  ranks_do(
      "trap 'echo stopped $RANK >> ends; exit 1' INT TERM\necho $RANK >> up\n"
      "while :; do sleep 0.05; done\n");
  for (const int signal : {SIGINT, SIGTERM}) {
    programs_.folder().write("up", "");
    programs_.folder().write("ends", "");
    RunningProgram running(programs_, command("2"));
    ASSERT_TRUE(RunningProgram::wait_until([&] { return running.content("up").size() == 4; })) << running.err();
    running.send(signal);
    EXPECT_EQ(running.wait(), 130) << running.err();
    EXPECT_THAT(running.content("ends"), testing::AllOf(HasSubstr("stopped 0\n"), HasSubstr("stopped 1\n")));
  }
}

TEST_F(LaunchRanks, ASecondInterruptKillsThem) {
  ranks_do("trap '' INT\necho $$ >> up\nwhile :; do sleep 0.05; done\n");
  programs_.folder().write("up", "");
  RunningProgram running(programs_, command("2"));
  ASSERT_TRUE(RunningProgram::wait_until([&] {
    const std::string up = running.content("up");
    return std::count(up.begin(), up.end(), '\n') == 2;
  }));
  running.send(SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds(800));  // two within half a second are one
  running.send(SIGINT);
  EXPECT_EQ(running.wait(), 130) << running.err();
}

TEST_F(LaunchRanks, UnderAnotherLauncherItRefuses) {
  ranks_do("echo a rank ran\n");
  for (const char* name : {"RANK", "WORLD_SIZE"}) {
    const ChildResult result =
        programs_.run("/usr/bin/env", {std::string(name) + "=0", "bin/wring", "train", "config.yaml", "--nproc", "2"});
    EXPECT_EQ(result.exit_status, 2) << name;
    EXPECT_THAT(result.err, testing::AllOf(HasSubstr(std::string(name) + " is set"), Not(HasSubstr("a rank ran"))));
    EXPECT_EQ(result.out, "");
  }
}

}  // namespace
}  // namespace wring
