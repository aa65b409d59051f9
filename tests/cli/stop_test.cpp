// Signals and closed pipes: they end the programs quickly, with 130, and what was measured is kept.
#include <csignal>

#include <fcntl.h>
#include <unistd.h>

#include "cli/tuning_test.h"
#include "fixtures/pending_signal.h"
#include "fixtures/running_program.h"
#include "unit/trial/fake_worker.h"
#include "wring/process/signal_wait.h"

namespace wring {
namespace {

using namespace testing_support;
using nlohmann::json;
using testing::HasSubstr;

class Stop : public TuningTest {
 protected:
  static constexpr const char* kInterruptedRecord = "configs/mine_optimized_interrupted.json";

  ChildResult with_early(int signal, std::vector<std::string> arguments,
                         SignalAction action = SignalAction::by_default) const {
    arguments.insert(arguments.begin(), program());
    return programs_.run("python3", with_pending(signal, arguments, action));
  }

  // The configuration, the record and the page of a search.
  std::vector<std::string> result_files() const {
    std::vector<std::string> texts;
    for (const char* ending : {"yaml", "json", "html"}) {
      texts.push_back(programs_.read(std::string("configs/mine_optimized.") + ending));
    }
    return texts;
  }
};

TEST_F(Stop, ASignalInTheFirstMomentsEndsEveryCommandWith130AndTouchesNothing) {
  const auto before = files();
  const std::vector<std::vector<std::string>> commands = {
      {"optimize", kConfig}, {"benchmark", kConfig}, {"diagnose", kConfig, "--fix"}, {"monitor", "1"}, {"doctor"},
      {"train", kConfig},    {"upscale", "a", "b"},  {"evaluate", "a", "b"}};
  for (const auto& command : commands) {
    const ChildResult result = with_early(SIGTERM, command);
    EXPECT_EQ(result.exit_status, 130) << command[0];
    EXPECT_EQ(result.err, "interrupted\n") << command[0];
  }
  for (const int signal : kStopSignals) EXPECT_EQ(with_early(signal, {"optimize", kConfig}).exit_status, 130) << signal;
  EXPECT_EQ(files(), before);
}

TEST_F(Stop, InTheFirstMomentsToItSpeaksTheUsersLanguageOrIsQuiet) {
  EXPECT_EQ(with_early(SIGINT, {"optimize", kConfig, "--lang", "zh"}).err, "已中断\n");
  EXPECT_EQ(with_early(SIGINT, {"optimize", kConfig, "--quiet"}).err, "");
}

TEST_F(Stop, WhatNohupIgnoresStaysIgnored) {
  EXPECT_EQ(with_early(SIGHUP, {"optimize", kConfig, "--dry-run"}, SignalAction::ignored).exit_status, 0);
}

TEST_F(Stop, ASearchKeepsItsRecordWhateverAsksItToEnd) {
  set_card("pause=0.2");
  for (const int signal : {SIGTERM, SIGHUP, SIGUSR1}) {
    const std::string name = "search" + std::to_string(signal);
    RunningProgram running(programs_, {program(), "benchmark", kConfig, "-o", name + ".yaml", "--no-cache"});
    ASSERT_TRUE(running.wait_for_output("samples/s")) << running.err();
    running.send(signal);
    EXPECT_EQ(running.wait(), 130) << running.err();
    const json found = record(name + ".json");
    EXPECT_EQ(found["interrupted"], true);
    EXPECT_FALSE(found["trials"].empty());
  }
}

TEST_F(Stop, ASearchWhoseOutputNobodyReadsEndsAndKeepsItsRecord) {
  set_card("pause=0.2");
  int pipe[2];
  ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  RunningProgram running(programs_, {program(), "benchmark", kConfig}, pipe[1]);
  ::close(pipe[1]);
  char first = 0;
  EXPECT_EQ(::read(pipe[0], &first, 1), 1);
  ::close(pipe[0]);  // as `head -1` does
  EXPECT_EQ(running.wait(), 130) << running.err();
  EXPECT_THAT(running.err(), HasSubstr("Nobody reads the output any more."));
  EXPECT_EQ(record()["interrupted"], true);
}

TEST_F(Stop, AnInterruptedSecondSearchLeavesTheFirstOnesFilesAndHasItsOwnBesideThem) {
  ASSERT_EQ(benchmark({"--knobs", "none"}).exit_status, 0);
  const auto before = result_files();
  set_card("pause=0.2");
  RunningProgram running(programs_, {program(), "benchmark", kConfig, "--no-cache"});
  ASSERT_TRUE(running.wait_for_output("samples/s")) << running.err();
  running.send(SIGINT);
  EXPECT_EQ(running.wait(), 130) << running.err();
  EXPECT_EQ(result_files(), before);
  EXPECT_EQ(record(kInterruptedRecord)["interrupted"], true);
  EXPECT_FALSE(record(kInterruptedRecord)["trials"].empty());
  EXPECT_THAT(running.out(), HasSubstr("configs/mine_optimized_interrupted.html"));
}

TEST_F(Stop, ASecondSearchThatHasMeasuredNothingLeavesNothing) {
  ASSERT_EQ(benchmark({"--knobs", "none"}).exit_status, 0);
  const auto before = result_files();
  const auto before_names = files();
  const std::size_t asked = requests().size();
  set_card("hang=1");
  RunningProgram running(programs_, {program(), "benchmark", kConfig, "--no-cache"});
  ASSERT_TRUE(RunningProgram::wait_until([&] { return requests().size() > asked; }));
  running.send(SIGINT);
  EXPECT_EQ(running.wait(), 130) << running.err();
  EXPECT_EQ(result_files(), before);
  std::filesystem::remove(programs_.folder().path() / "stdout");
  std::filesystem::remove(programs_.folder().path() / "stderr");
  EXPECT_THAT(files(), testing::UnorderedElementsAreArray(before_names));
}

TEST_F(Stop, AnInterruptedDiagnosisLeavesAnEarlierResultAsItWas) {
  ASSERT_EQ(benchmark({"--knobs", "none"}).exit_status, 0);
  const auto before = result_files();
  set_card("pause=0.2");
  RunningProgram running(programs_, {program(), "diagnose", kConfig, "--fix", "--no-cache"});
  ASSERT_TRUE(running.wait_for_output("samples/s")) << running.err();
  running.send(SIGTERM);
  EXPECT_EQ(running.wait(), 130) << running.err();
  EXPECT_EQ(result_files(), before);
  EXPECT_EQ(record(kInterruptedRecord)["program"], "wring diagnose");
}

TEST_F(Stop, NothingThatATrialStartedOutlivesWring) {
  programs_.folder().write(kConfig, "train_batch: 8\n");
  programs_.folder().write_script("train.sh",
                                  "setsid sh -c 'echo $$ > new; mv new child; sleep 1000; :' &\n"
                                  "while :; do echo '100 img/s'; sleep 0.02; done\n");
  const auto scratch = programs_.folder().path() / "tmp";
  std::filesystem::create_directory(scratch);
  programs_.set("TMPDIR", scratch.string());
  const auto child = programs_.folder().path() / "child";
  for (const int signal : {SIGKILL, SIGHUP, SIGQUIT, SIGABRT}) {
    std::filesystem::remove(child);
    RunningProgram running(
        programs_, {program(), "benchmark", kConfig, "--command", "./train.sh {config}", "--batch-key", "train_batch",
                    "--rate-regex", "([0-9.]+) img/s", "--trial-seconds", "1000"});
    ASSERT_TRUE(RunningProgram::wait_until([&] { return std::filesystem::exists(child); })) << running.err();
    const pid_t started = pid_in(child);
    running.send(signal);
    EXPECT_EQ(running.wait(), signal == SIGHUP ? 130 : 128 + signal);
    EXPECT_TRUE(ends(started)) << signal;
    EXPECT_TRUE(RunningProgram::wait_until([&] { return std::filesystem::is_empty(scratch); })) << signal;
  }
}

TEST_F(Stop, WhatCannotBePrintedForLackOfSpaceIsToldAsThat) {
  for (const char* command : {"completion bash", "optimize configs/mine.yaml --dry-run", "--help"}) {
    const ChildResult result = programs_.run("sh", {"-c", program() + " " + command + " > /dev/full"});
    EXPECT_EQ(result.exit_status, 1) << command;
    EXPECT_THAT(result.err, HasSubstr("the output could not be written: No space left on device")) << command;
  }
}

}  // namespace
}  // namespace wring
