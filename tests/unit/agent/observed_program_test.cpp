// A program with the agent in it: what it says is collected, and nothing of it is left running.
#include "wring/agent/observed_program.h"

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "fixtures/scoped_environment.h"
#include "unit/trial/fake_worker.h"
#include "wring/agent/silence.h"
#include "wring/base/message.h"
#include "wring/process/process_tree.h"

namespace wring {
namespace {

using namespace std::chrono_literals;
using namespace testing_support;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Observed : public testing::Test {
 protected:
  void SetUp() override { ::pthread_sigmask(SIG_SETMASK, nullptr, &mask_); }
  void TearDown() override {
    ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr);  // what waits for signals leaves them blocked
    EXPECT_THAT(descendants(::getpid()), IsEmpty()) << "a survivor";
  }

  std::string file(const std::string& name) const { return (folder_.path() / name).string(); }

  // The fake program (tests/fixtures/fake_agent.py) that does these things.
  ObservedProgram run(const std::vector<std::string>& verbs) {
    std::vector<std::string> command = {"python3", std::string(WRING_SOURCE_DIR) + "/tests/fixtures/fake_agent.py"};
    command.insert(command.end(), verbs.begin(), verbs.end());
    return observe(command);
  }
  ObservedProgram observe(const std::vector<std::string>& command) {
    const AgentFiles files;
    command_ = command;
    return observe_program(command, files, options_);
  }
  std::string silence(const ObservedProgram& seen) const {
    const auto silence = why_silent(seen, command_);
    return silence ? silence->why.en : "";
  }

  TemporaryFolder folder_;
  ObserveOptions options_;
  std::vector<std::string> command_;
  sigset_t mask_{};
};

TEST_F(Observed, IsEndedOnceItHasReported) {
  const ObservedProgram seen = run({"hello", "hear", "phase=steps", "done", "hold"});
  EXPECT_EQ(seen.how, EndOfProgram::observed);
  ASSERT_THAT(seen.observations, SizeIs(1));
  EXPECT_EQ(seen.observations[0].steps.n, 50);
  EXPECT_EQ(seen.end.signal, SIGTERM);
  EXPECT_FALSE(seen.killed);
}

TEST_F(Observed, EveryRankIsWaitedForAndTheyStandInOrder) {
  const ObservedProgram seen = run({"fork=1/3", "fork=2/3", "hello=0/3", "hear", "done", "hold"});
  EXPECT_EQ(seen.how, EndOfProgram::observed);
  ASSERT_THAT(seen.observations, SizeIs(3));
  for (int rank = 0; rank < 3; ++rank) EXPECT_EQ(seen.observations[static_cast<std::size_t>(rank)].process.rank, rank);
}

TEST_F(Observed, ToTheEndItIsLetGoAndKeepsItsExitCode) {
  options_.to_the_end = true;
  int told = 0;
  options_.on_observed = [&](const ObservedProgram& seen) {
    ++told;
    EXPECT_THAT(seen.observations, SizeIs(1));
    folder_.write("told", "");  // the program waits for it: this is told while it still runs
  };
  const ObservedProgram seen = run({"hello", "hear", "done", "let-go", "await=" + file("told"), "exit=7"});
  EXPECT_EQ(told, 1);
  EXPECT_EQ(seen.how, EndOfProgram::by_itself);
  EXPECT_EQ(seen.end.exit_status, 7);
  EXPECT_THAT(seen.observations, SizeIs(1));
}

TEST_F(Observed, OneThatEndsByItselfMayStillHaveReported) {
  const ObservedProgram seen = run({"hello", "hear", "done", "exit=0"});
  EXPECT_THAT(seen.observations, SizeIs(1));
  EXPECT_EQ(silence(seen), "");
}

TEST_F(Observed, OneThatIgnoresTheRequestToEndIsKilled) {
  const ObservedProgram seen = run({"deaf", "hello", "hear", "done", "hold"});
  EXPECT_EQ(seen.how, EndOfProgram::observed);
  EXPECT_TRUE(seen.killed);
  EXPECT_EQ(seen.end.signal, SIGKILL);
}

TEST_F(Observed, WhatLeavesItsSessionEndsWithIt) {
  const ObservedProgram seen = run({"daemon=" + file("pid"), "hello", "hear", "done", "hold"});
  EXPECT_THAT(seen.observations, SizeIs(1));
  EXPECT_TRUE(has_ended(pid_in(file("pid"))));
}

TEST_F(Observed, ACommandThatOnlyStartsADaemonEndsWithIt) {
  const ObservedProgram seen = run({"daemon=" + file("pid")});
  EXPECT_EQ(seen.how, EndOfProgram::by_itself);
  EXPECT_TRUE(has_ended(pid_in(file("pid"))));
  EXPECT_THAT(silence(seen), HasSubstr("it ended, and no process of it stepped"));
}

TEST_F(Observed, AfterTheTimeItIsEnded) {
  options_.timeout = 1s;
  const ObservedProgram seen = observe({"sh", "-c", "sleep 1000 & sleep 1000"});
  EXPECT_EQ(seen.how, EndOfProgram::timed_out);
  EXPECT_THAT(silence(seen), HasSubstr("no process of it stepped a PyTorch optimiser within 1 s"));
}

TEST_F(Observed, OneThatHasForgottenItsEnvironmentIsNotSeen) {
  options_.timeout = 1s;
  const ObservedProgram seen = run({"clear", "fork=0/1", "hold"});
  EXPECT_EQ(seen.how, EndOfProgram::timed_out);
  EXPECT_THAT(seen.observations, IsEmpty());
}

TEST_F(Observed, OneThatRemovesTheAgentsFilesIsToldSo) {
  const ObservedProgram seen = observe({"sh", "-c", R"(rm -r "${WRING_AGENT_SOCKET%/*}")"});
  EXPECT_THAT(silence(seen), HasSubstr("the agent's files were removed"));
}

TEST_F(Observed, AStreamThatWasClosedIsClosedForItToo) {
  const Descriptor kept(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10));
  ::close(STDIN_FILENO);
  open_standard_streams();
  observe({"sh", "-c", "if [ -e /proc/self/fd/0 ]; then echo open; else echo closed; fi > " + file("seen")});
  ::dup2(kept.get(), STDIN_FILENO);
  EXPECT_EQ(read_file(file("seen")), "closed\n");
}

TEST_F(Observed, AProcessThatEndsInAWindowIsNamedWithIt) {
  const ObservedProgram seen = run({"hello", "hear", "phase=warmup", "exit=3"});
  EXPECT_EQ(seen.end.exit_status, 3);
  EXPECT_THAT(silence(seen), HasSubstr("ended during the warm-up"));
}

TEST_F(Observed, AnAgentThatGaveUpIsQuoted) {
  const ObservedProgram seen = run({"hello", "hear", "failed=the program ended after 7 steps", "exit=0"});
  EXPECT_THAT(silence(seen), HasSubstr("the program ended after 7 steps"));
}

TEST_F(Observed, OneLineThatIsWrongDoesNotSpoilTheOthers) {
  const ObservedProgram seen = run({"fork=1/2", "hello=0/2", "hear", "say={\"v\":1,\"event\":\"done\"}", "hold"});
  EXPECT_EQ(seen.how, EndOfProgram::observed);
  EXPECT_THAT(seen.observations, SizeIs(1));
  ASSERT_THAT(seen.silent, SizeIs(1));
  EXPECT_THAT(why_silent(seen, seen.silent[0]).why.en, HasSubstr("\"outcome\" is missing"));
}

TEST_F(Observed, AnotherProcessOfTheScriptThatFailedIsNoRank) {
  const ObservedProgram seen = observe({"sh", "-c", R"(fake="python3 $0"
$fake hello=0/1 hear "failed=it ended after 3 steps" exit=0
(sleep 0.5; $fake hello=1/2 hear done hold) &
$fake hello=0/2 hear done hold)",
                                        std::string(WRING_SOURCE_DIR) + "/tests/fixtures/fake_agent.py"});
  EXPECT_EQ(seen.how, EndOfProgram::observed);
  EXPECT_THAT(seen.observations, SizeIs(2));
  EXPECT_THAT(seen.silent, SizeIs(1));
}

TEST_F(Observed, ItsFoldersStandBeforeThoseThatWereThere) {
  ScopedEnvironment environment;
  environment.set("PYTHONPATH", "/some/where");
  observe({"sh", "-c", "echo \"$PYTHONPATH $WRING_AGENT_SOCKET\" > " + file("seen")});
  EXPECT_THAT(read_file(file("seen")), testing::MatchesRegex("(/.*)/site:/some/where /.*/agent.sock\n"));
}

TEST_F(Observed, WhatItsStarterLeftOpenItHas) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "config\n", 7), 7);
  ::close(ends[1]);
  observe({"sh", "-c", "cat /dev/fd/" + std::to_string(ends[0]) + " > " + file("seen")});
  ::close(ends[0]);
  EXPECT_EQ(read_file(file("seen")), "config\n");
}

TEST_F(Observed, ACommandThatDoesNotExistIsAnError) {
  EXPECT_THROW(observe({"/no/such/program"}), Error);
}

}  // namespace
}  // namespace wring
