// wring monitor -- COMMAND: the command keeps its output, its signals and its exit code.
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/monitor_fixture.h"
#include "unit/trial/fake_worker.h"
#include "wring/process/signal_wait.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;

TEST_F(Monitor, OfACommandTheSummaryHasItsPhases) {
  use_machine("index=0\nuuid=GPU-a\nname=A\nmemory.total=12288\nmemory.used=4\nutilization.gpu=0\n");
  EXPECT_EQ(run({"--summary", "s.json", "--", "/bin/sleep", "1"}).exit_status, 0);
  const auto card = nlohmann::json::parse(programs_.read("s.json")).at("gpus").at(0);
  EXPECT_GT(card.at("phases").at("no_context").at("seconds"), 0.5);
  EXPECT_EQ(card.at("phases").at("steady").at("seconds"), 0);
  EXPECT_THAT(card.at("no_verdict").get<std::string>(), HasSubstr("20 s of it are needed"));
  EXPECT_TRUE(card.at("verdicts").empty());
}

TEST_F(Monitor, ACommandKeepsItsOutputAndItsExitStatus) {
  const ChildResult result = run({"--", "/bin/sh", "-c", "echo hello; sleep 0.3; exit 7"});
  EXPECT_EQ(result.exit_status, 7);
  EXPECT_EQ(result.out, "hello\n");
  EXPECT_THAT(result.err, HasSubstr("📊 Monitor summary:\nAverage GPU-Util: 87.0%\n"));
}

TEST_F(Monitor, ACommandThatASignalEndsGivesASignalsStatus) {
  EXPECT_EQ(run({"--", "/bin/sh", "-c", "kill -TERM $$"}).exit_status, 128 + SIGTERM);
}

TEST_F(Monitor, ACommandThatCannotBeRunGivesAShellsStatus) {
  const ChildResult missing = run({"--", "no-such-command"});
  EXPECT_EQ(missing.exit_status, 127);
  EXPECT_THAT(missing.err, HasSubstr("no-such-command"));
  programs_.folder().write("not_executable", "");
  EXPECT_EQ(run({"--", "./not_executable"}).exit_status, 126);
}

TEST_F(Monitor, SignalsArePassedToTheCommand) {
  const auto program = start({"--", "/bin/sh", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done"});
  ASSERT_TRUE(program->wait_for_output("ready"));
  program->send(SIGTERM);
  EXPECT_EQ(program->wait(), 9);
  EXPECT_THAT(program->err(), HasSubstr("Monitor summary"));
}

TEST_F(Monitor, ASecondCtrlCEndsACommandThatDoesNotAnswerTheFirst) {
  const auto program =
      start({"--", "/bin/sh", "-c", "trap '' INT; sleep 1000 & echo $! > child; echo ready; while :; do wait; done"});
  ASSERT_TRUE(program->wait_for_output("ready"));
  program->send(SIGINT);
  std::this_thread::sleep_for(kOneStop + std::chrono::milliseconds(100));
  program->send(SIGINT);
  EXPECT_EQ(program->wait(), 128 + SIGKILL);
  EXPECT_TRUE(ends(pid_in(programs_.folder().path() / "child")));
  EXPECT_THAT(program->err(), HasSubstr("Monitor summary"));
}

TEST_F(Monitor, ACommandsOptionsAreItsOwn) {
  const ChildResult result = run({"--", "/bin/echo", "--quiet", "--lang", "zh", "--format", "--"});
  EXPECT_EQ(result.out, "--quiet --lang zh --format --\n");
  EXPECT_THAT(result.err, HasSubstr("Monitor summary"));
}

TEST_F(Monitor, TheReadingsOfACommandsTimeGoToTheLog) {
  EXPECT_EQ(run({"--log", "gpu.csv", "--", "/bin/sleep", "0.3"}).exit_status, 0);
  EXPECT_THAT(programs_.read("gpu.csv"), HasSubstr("GPU-4070"));
  EXPECT_EQ(run({"--format", "csv", "--", "/bin/true"}).exit_status, 2) << "standard output is the command's";
}

}  // namespace
}  // namespace wring
