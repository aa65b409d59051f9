#include "wring/trial/command_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/scoped_environment.h"
#include "unit/telemetry/scripted_telemetry.h"
#include "unit/trial/fake_worker.h"
#include "wring/process/process_tree.h"

namespace wring {
namespace {

using namespace testing_support;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Prints rates for ever, as fast as a test wants them.
const std::string kEndlessRates =
    "n=0; while :; do n=$((n + 1)); echo \"step $n speed: ${rate:-100} samples/s\"; sleep 0.02; done\n";

class CommandRunnerTest : public testing::Test {
 protected:
  void TearDown() override { EXPECT_THAT(descendants(::getpid()), IsEmpty()) << "a zombie or a survivor"; }

  // A training program that is this shell script; $1 is its config.
  CommandOptions options(const std::string& script) {
    CommandOptions options;
    options.command = "sh " + folder_.write_script("train.sh", script).string() + " {config}";
    options.config = folder_.write("my config.yaml", config_);
    options.working_folder = folder_.path();
    options.rate_regex = "speed: ([0-9.]+)";
    options.trial_time = 50ms;
    options.grace = 100ms;
    return options;
  }

  static TrialResult run(const CommandOptions& options, const TrialRequest& request = {}) {
    return CommandRunner(options).run(request);
  }

  // The error that a run or the construction ends with.
  static Error refusal(const CommandOptions& options) {
    try {
      run(options);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "no error";
    return {ErrorCode::failed, ""};
  }

  std::string file(const std::string& name) const { return read_file(folder_.path() / name); }

  TemporaryFolder folder_;
  std::string config_ = "# mine\nbatch_size: 16   # small\nlr: 0.1\n";
};

TEST_F(CommandRunnerTest, TheRateIsTheMedianOfWhatTheProgramPrints) {
  const TrialResult result = run(options("for r in 1 2 90 110 100 95 105; do echo \"speed: $r\"; done"));
  EXPECT_EQ(result.outcome, TrialOutcome::ok);
  EXPECT_EQ(result.samples_per_s, 100);
  EXPECT_EQ(result.step_ms.n, 5);
  EXPECT_DOUBLE_EQ(result.step_ms.median, 160);  // of 16 samples
  EXPECT_GT(result.seconds, 0);
}

TEST_F(CommandRunnerTest, TheProgramGetsAPatchedCopyOfItsConfigAndTheConfigStays) {
  const TrialResult result =
      run(options("cat \"$1\" > seen; echo \"$1\" > name; for i in 1 2 3; do echo speed: 64; done"),
          {.set = {{"batch_size", "32"}, {"num_workers", "4"}}, .measure = {}});
  EXPECT_EQ(file("seen"), "# mine\nbatch_size: 32   # small\nlr: 0.1\nnum_workers: 4\n");
  EXPECT_EQ(file("my config.yaml"), config_);
  EXPECT_THAT(file("name"), HasSubstr("/my_config.yaml"));
  EXPECT_DOUBLE_EQ(result.step_ms.median, 500);  // 32 samples at 64 a second
}

TEST_F(CommandRunnerTest, OfAKeyThatIsSetTwiceTheLastValueCounts) {
  run(options("cat \"$1\" > seen; for i in 1 2 3; do echo speed: 64; done"),
      {.set = {{"lr", "0.2"}, {"x", "1"}, {"lr", "0.3"}, {"x", "2"}}, .measure = {}});
  EXPECT_EQ(file("seen"), "# mine\nbatch_size: 16   # small\nlr: 0.3\nx: 2\n");
}

TEST_F(CommandRunnerTest, TheBatchSizesKeyIsTheUsers) {
  config_ = "train_bs: 4\n";
  CommandOptions with = options("cat \"$1\" > seen; for i in 1 2 3; do echo speed: 64; done");
  with.batch_key = "train_bs";
  EXPECT_DOUBLE_EQ(run(with, {.set = {{"batch_size", "8"}}, .measure = {}}).step_ms.median, 125);
  EXPECT_EQ(file("seen"), "train_bs: 8\n");
}

TEST_F(CommandRunnerTest, TheConfigMayStandInTheUsersOwnQuotesAndSeveralTimes) {
  CommandOptions with = options("[ \"$1\" = \"$2\" ] && cat \"$2\" > seen; for i in 1 2 3; do echo speed: 64; done");
  with.command.replace(with.command.find("{config}"), 8, "\"{config}\" '{config}'");
  run(with);
  EXPECT_EQ(file("seen"), config_);
}

TEST_F(CommandRunnerTest, AFolderForTemporaryFilesWithAnyNameIsQuoted) {
  ScopedEnvironment environment;
  const auto odd = folder_.path() / "it's; echo x & y";
  std::filesystem::create_directory(odd);
  environment.set("TMPDIR", odd.string());
  run(options("cat \"$1\" > seen; for i in 1 2 3; do echo speed: 64; done"));
  EXPECT_EQ(file("seen"), config_);
}

TEST_F(CommandRunnerTest, TheTemporaryFolderIsTheProgramsAndIsRemoved) {
  run(options("mktemp -d > made; echo \"$TMPDIR\" > folder; for i in 1 2 3; do echo speed: 64; done"));
  std::string made = file("made");
  made.pop_back();
  std::string temporary = file("folder");
  temporary.pop_back();
  EXPECT_THAT(made, testing::StartsWith(temporary));
  EXPECT_FALSE(std::filesystem::exists(temporary));
}

TEST_F(CommandRunnerTest, AProgramThatRunsOnIsEndedOnceItsRateIsKnown) {
  std::vector<std::string> phases;
  CommandOptions with = options("trap 'echo bye > said; exit' TERM; echo $$ > pid; " + kEndlessRates);
  with.grace = 30s;
  with.on_phase = [&](const TrialRequest&, const std::string& phase) { phases.push_back(phase); };
  const TrialResult result = run(with);
  EXPECT_EQ(result.outcome, TrialOutcome::ok);
  EXPECT_EQ(result.samples_per_s, 100);
  EXPECT_GE(result.step_ms.n, 1);
  EXPECT_EQ(file("said"), "bye\n") << "it was asked to end, not killed";
  EXPECT_TRUE(ends(pid_in(folder_.path() / "pid")));
  EXPECT_THAT(phases, ElementsAre("first_rate", "measure"));
}

TEST_F(CommandRunnerTest, AProgramThatWillNotEndIsKilledWithWhatItStarted) {
  const TrialResult result =
      run(options("trap '' TERM; (trap '' TERM; sleep 1000) & echo $! > child; echo $$ > pid; " + kEndlessRates));
  EXPECT_EQ(result.outcome, TrialOutcome::ok);
  EXPECT_TRUE(ends(pid_in(folder_.path() / "pid")));
  EXPECT_TRUE(ends(pid_in(folder_.path() / "child")));
}

TEST_F(CommandRunnerTest, WhatLeftItsGroupIsKilledToo) {
  const TrialResult result = run(options(
      "setsid sh -c 'echo $$ > child; sleep 1000; :' &\nwhile [ ! -s child ]; do sleep 0.01; done\n" + kEndlessRates));
  EXPECT_EQ(result.outcome, TrialOutcome::ok);
  EXPECT_TRUE(has_ended(pid_in(folder_.path() / "child")));
}

TEST_F(CommandRunnerTest, ATrialWhoseTimeIsOverIsNotWaitedForLong) {
  CommandOptions with = options("trap '' TERM; echo $$ > pid; " + kEndlessRates);
  with.trial_time = 1h;
  with.grace = 1h;
  EXPECT_EQ(run(with, {.set = {}, .measure = {}, .time_limit_s = 1}).outcome, TrialOutcome::ok);
  EXPECT_TRUE(ends(pid_in(folder_.path() / "pid")));
}

TEST_F(CommandRunnerTest, AFolderForTemporaryFilesThatIsMissingIsNamed) {
  ScopedEnvironment environment;
  const std::string missing = (folder_.path() / "none").string();
  environment.set("TMPDIR", missing);
  const Error error = refusal(options(kEndlessRates));
  EXPECT_EQ(error.code(), ErrorCode::failed);
  EXPECT_THAT(error.what(), HasSubstr(missing));
  EXPECT_THAT(error.hint().en, HasSubstr("set TMPDIR"));
}

TEST_F(CommandRunnerTest, RatesOnStandardErrorAndInProgressBarsCount) {
  EXPECT_EQ(run(options("printf '\\rspeed: 5\\rspeed: 6\\rspeed: 7' >&2; sleep 0.1; printf '\\rspeed: 7\\n' >&2"))
                .samples_per_s,
            7);
}

TEST_F(CommandRunnerTest, ProtocolLinesAreBelievedWithoutAnExpression) {
  CommandOptions with = options(
      "echo starting\n"
      "echo '{\"v\":1,\"id\":0,\"event\":\"phase\",\"phase\":\"measure\"}'\n"
      "echo '{\"v\":1,\"id\":0,\"event\":\"done\",\"outcome\":\"ok\",\"samples_per_s\":321,"
      "\"memory\":{\"peak_reserved_mib\":77}}'\nsleep 1000");
  with.rate_regex.clear();
  std::vector<std::string> phases;
  with.on_phase = [&](const TrialRequest&, const std::string& phase) { phases.push_back(phase); };
  const TrialResult result = run(with);
  EXPECT_EQ(result.outcome, TrialOutcome::ok);
  EXPECT_EQ(result.samples_per_s, 321);
  EXPECT_EQ(result.memory.peak_reserved_mib, 77);
  EXPECT_THAT(phases, ElementsAre("start", "measure"));
}

TEST_F(CommandRunnerTest, AProtocolLineThatSaysOomIsOom) {
  CommandOptions with =
      options("echo '{\"v\":1,\"id\":0,\"event\":\"done\",\"outcome\":\"oom\",\"message\":\"too big\"}'; exit 1");
  with.rate_regex.clear();
  const TrialResult result = run(with);
  EXPECT_EQ(result.outcome, TrialOutcome::oom);
  EXPECT_EQ(result.message, "too big");
}

TEST_F(CommandRunnerTest, ABrokenProtocolLineIsAnErrorThatNamesTheField) {
  CommandOptions with = options("echo '{\"v\":1,\"event\":\"done\",\"outcome\":\"ok\"}'; sleep 1000");
  with.rate_regex.clear();
  const TrialResult result = run(with);
  EXPECT_EQ(result.outcome, TrialOutcome::error);
  EXPECT_THAT(result.message, HasSubstr("\"id\""));
}

TEST_F(CommandRunnerTest, AProgramWhoseRateCannotBeReadIsAUsageErrorWithTheCure) {
  CommandOptions with = options("echo epoch 1: 12 it/s");
  const Error no_match = refusal(with);
  EXPECT_EQ(no_match.code(), ErrorCode::usage);
  EXPECT_THAT(no_match.what(), HasSubstr("speed: ([0-9.]+)"));
  EXPECT_THAT(no_match.what(), HasSubstr("epoch 1: 12 it/s"));
  with.rate_regex.clear();
  const Error no_way = refusal(with);
  EXPECT_EQ(no_way.code(), ErrorCode::usage);
  EXPECT_THAT(no_way.hint().en, HasSubstr("--rate-regex"));
  EXPECT_THAT(no_way.hint().en, HasSubstr("trial_protocol.md"));
}

TEST_F(CommandRunnerTest, TalkWithoutARateIsTheSameErrorThoughTheProgramRunsOn) {
  CommandOptions with = options("echo epoch 1; sleep 1000");
  with.start_timeout = 2s;
  EXPECT_EQ(refusal(with).code(), ErrorCode::usage);
}

TEST_F(CommandRunnerTest, SilenceIsAHang) {
  CommandOptions with = options("sleep 1000");
  with.start_timeout = 300ms;
  EXPECT_EQ(run(with).outcome, TrialOutcome::hang);
  with = options("echo speed: 5; sleep 1000");
  with.event_timeout = 300ms;
  EXPECT_EQ(run(with).outcome, TrialOutcome::hang);
}

TEST_F(CommandRunnerTest, ATimeLimitEndsATrialWhateverItDoes) {
  const TrialResult silent = run(options("echo reading; sleep 1000"), {.set = {}, .measure = {}, .time_limit_s = 3});
  EXPECT_EQ(silent.outcome, TrialOutcome::cut_off);
  EXPECT_EQ(silent.message, "first_rate\nreading");
  EXPECT_FALSE(silent.samples_per_s);
  CommandOptions with = options("sleep 1000");
  with.rate_regex.clear();
  EXPECT_EQ(run(with, {.set = {}, .measure = {}, .time_limit_s = 0.1}).message, "start");
}

TEST_F(CommandRunnerTest, WhatWasToldBeforeTheTimeLimitIsARate) {
  CommandOptions with = options("for i in 1 2 3 4; do echo speed: 50; done; sleep 1000");
  with.trial_time = 1h;
  const TrialResult result = run(with, {.set = {}, .measure = {}, .time_limit_s = 3});
  EXPECT_EQ(result.outcome, TrialOutcome::ok);
  EXPECT_EQ(result.samples_per_s, 50);
}

TEST_F(CommandRunnerTest, FailuresAreToldApart) {
  EXPECT_EQ(run(options("echo speed: 5; echo 'torch.OutOfMemoryError: CUDA out of memory.' >&2; exit 1")).outcome,
            TrialOutcome::oom);
  EXPECT_EQ(run(options("echo 'RuntimeError: CUDA error: out of memory'; exit 1")).outcome, TrialOutcome::oom);
  const TrialResult error = run(options("echo 'KeyError: lr' >&2; exit 1"));
  EXPECT_EQ(error.outcome, TrialOutcome::error);
  EXPECT_EQ(error.message, "KeyError: lr");
  EXPECT_EQ(run(options("kill -KILL $$")).outcome, TrialOutcome::killed);
}

TEST_F(CommandRunnerTest, AKillThatAShellReportsIsAKill) {
  CommandOptions with = options("kill -KILL $$");
  with.command += "; exit $?";
  const TrialResult result = run(with);
  EXPECT_EQ(result.outcome, TrialOutcome::killed);
  EXPECT_THAT(result.message, HasSubstr("host's memory"));
}

TEST_F(CommandRunnerTest, CancellingKillsAtOnceAndThrows) {
  bool stop = false;
  CommandOptions with = options("trap '' TERM; echo $$ > pid; " + kEndlessRates);
  with.trial_time = 1h;
  with.grace = 1h;
  with.on_phase = [&](const TrialRequest&, const std::string& phase) { stop = phase == "measure"; };
  with.cancelled = [&] { return stop; };
  EXPECT_EQ(refusal(with).code(), ErrorCode::interrupted);
  EXPECT_TRUE(ends(pid_in(folder_.path() / "pid")));
}

TEST_F(CommandRunnerTest, ALongerRequestMeasuresLonger) {
  CommandOptions with = options(kEndlessRates);
  with.trial_time = 1ms;
  const auto rates = [&](double min_seconds) {
    return run(with, {.set = {}, .measure = {.min_seconds = min_seconds}}).step_ms.n;
  };
  EXPECT_LT(rates(0), rates(2));
}

TEST_F(CommandRunnerTest, WhatACommandCannotDoIsAnError) {
  const TrialResult result = run(options(kEndlessRates), {.set = {}, .measure = {.data = TrialData::resident}});
  EXPECT_EQ(result.outcome, TrialOutcome::error);
  EXPECT_THAT(result.message, HasSubstr("its own data"));
}

TEST_F(CommandRunnerTest, WhatCannotBeRunIsRefused) {
  CommandOptions no_place = options("");
  no_place.command = "python train.py";
  EXPECT_EQ(refusal(no_place).code(), ErrorCode::usage);
  EXPECT_THAT(refusal(no_place).hint().en, HasSubstr("{config}"));

  CommandOptions no_group = options("");
  no_group.rate_regex = "speed";
  EXPECT_EQ(refusal(no_group).code(), ErrorCode::usage);

  CommandOptions no_config = options("");
  no_config.config = folder_.path() / "none.yaml";
  EXPECT_THAT(refusal(no_config).what(), HasSubstr("none.yaml"));

  CommandOptions no_program = options("");
  no_program.command = "no_such_program_of_wring {config}";
  EXPECT_EQ(refusal(no_program).code(), ErrorCode::failed);
  EXPECT_THAT(refusal(no_program).what(), HasSubstr("no_such_program_of_wring"));
}

TEST_F(CommandRunnerTest, TheUsersEnvironmentGoesBeforeOurs) {
  CommandOptions with = options("echo \"$PYTHONUNBUFFERED $MINE\" > seen; for i in 1 2 3; do echo speed: 64; done");
  run(with);
  EXPECT_EQ(file("seen"), "1 \n");
  with.environment = {{"MINE", "yes"}, {"PYTHONUNBUFFERED", "2"}};
  run(with);
  EXPECT_EQ(file("seen"), "2 yes\n");
}

TEST_F(CommandRunnerTest, MemoryAndUtilisationAreSeenFromOutside) {
  const auto telemetry = std::make_shared<ScriptedTelemetry>(1, [](std::size_t, int) {
    GpuSample sample =
        sample_at(0, {{Metric::gpu_util, 42}, {Metric::memory_used, 3000}, {Metric::memory_total, 16000}});
    for (const pid_t pid : descendants(::getpid())) sample.processes.push_back({pid, "", 700, {}});
    return sample;
  });
  CommandOptions with = options("exec sh -c '" + kEndlessRates + "'");
  with.command = "exec " + with.command;
  with.meter = std::make_shared<UtilisationMeter>(telemetry, 0.01);
  const TrialResult result = run(with);
  EXPECT_NEAR(result.utilisation.gpu_util.value_or(0), 42, 1e-9);
  EXPECT_GE(result.memory.peak_reserved_mib.value_or(0), 700);
  EXPECT_EQ(result.memory.device_total_mib, 16000);
  EXPECT_EQ(result.memory.device_free_mib, 13000);
}

TEST_F(CommandRunnerTest, NoDescriptorIsLeaked) {
  const CommandOptions with = options("for i in 1 2 3; do echo speed: 64; done");
  run(with);
  const auto before = open_descriptors();
  run(with);
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace wring
