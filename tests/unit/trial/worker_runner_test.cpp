#include "wring/trial/worker_runner.h"

#include <atomic>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include "unit/trial/fake_worker.h"
#include "wring/process/process_tree.h"

namespace wring {
namespace {

using namespace testing_support;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

class WorkerRunnerTest : public testing::Test {
 protected:
  void TearDown() override { EXPECT_THAT(descendants(::getpid()), testing::IsEmpty()) << "a zombie or a survivor"; }

  // A worker that runs this script, with the shell functions of fake_worker.h.
  WorkerOptions options(const std::string& script) {
    WorkerOptions options;
    options.command = {folder_.write_script("worker.sh", kFakeWorkerWords + script)};
    options.working_folder = folder_.path();
    return options;
  }

  TrialResult run(const std::string& script) { return WorkerRunner(options(script)).run({}); }

  TemporaryFolder folder_;
};

TEST_F(WorkerRunnerTest, ATrialsResultAndPhasesAreTheWorkers) {
  std::vector<std::string> phases;
  WorkerOptions with = options("take; phase load; phase warmup; phase measure; ok 120.5");
  with.on_phase = [&](const TrialRequest& request, const std::string& phase) {
    phases.push_back(request.set.at(0).value + " " + phase);
  };
  const TrialResult result = WorkerRunner(with).run({.set = {{"batch_size", "32"}}, .measure = {}});
  EXPECT_EQ(result.outcome, TrialOutcome::ok);
  EXPECT_EQ(result.samples_per_s, 120.5);
  EXPECT_GT(result.seconds, 0);
  EXPECT_THAT(phases, ElementsAre("32 start", "32 load", "32 warmup", "32 measure"));
}

TEST_F(WorkerRunnerTest, TheRequestReachesTheWorker) {
  WorkerRunner runner(options("take; echo \"$line\" > request; ok 1"));
  runner.run({.set = {{"batch_size", "48"}}, .measure = {.data = TrialData::resident}});
  EXPECT_THAT(read_file(folder_.path() / "request"),
              HasSubstr(R"("set":{"batch_size":48},"measure":{"data":"resident")"));
}

TEST_F(WorkerRunnerTest, AWorkerServesSeveralTrials) {
  WorkerRunner runner(options("while take; do ok $$; done"));
  const double first = runner.run({}).samples_per_s.value();
  const auto keeper = runner.worker();
  EXPECT_EQ(runner.run({}).samples_per_s, first);
  EXPECT_TRUE(keeper);
  EXPECT_EQ(runner.worker(), keeper);
}

TEST_F(WorkerRunnerTest, AfterAnythingButOkTheWorkerIsReplaced) {
  WorkerRunner runner(
      options("take; echo $$ >> pids; [ $(wc -l < pids) -gt 2 ] && { ok 5; take; }\n"
              "[ $(wc -l < pids) = 1 ] && failed oom 'CUDA out of memory' || failed error 'no such loss'\n"
              "sleep 1000"));
  const TrialResult oom = runner.run({});
  EXPECT_EQ(oom.outcome, TrialOutcome::oom);
  EXPECT_EQ(oom.message, "CUDA out of memory");
  EXPECT_FALSE(runner.worker());
  const TrialResult error = runner.run({});
  EXPECT_EQ(error.outcome, TrialOutcome::error);
  EXPECT_EQ(error.message, "no such loss");
  EXPECT_EQ(runner.run({}).samples_per_s, 5);
}

TEST_F(WorkerRunnerTest, AWorkerThatEndedBetweenTrialsIsReplaced) {
  WorkerRunner runner(options("take; ok $$"));
  const double first = runner.run({}).samples_per_s.value();
  EXPECT_TRUE(ends(runner.worker().value()));
  const TrialResult second = runner.run({});
  EXPECT_EQ(second.outcome, TrialOutcome::ok);
  EXPECT_NE(second.samples_per_s, first);
}

TEST_F(WorkerRunnerTest, AResultPrintedJustBeforeTheEndCounts) {
  EXPECT_EQ(run("take; ok 7; exit 1").samples_per_s, 7);
}

TEST_F(WorkerRunnerTest, AnEndWithoutAResultIsAnErrorInTheWorkersWords) {
  const TrialResult result = run("take; phase warmup; echo 'KeyError: lr' >&2; exit 1");
  EXPECT_EQ(result.outcome, TrialOutcome::error);
  EXPECT_EQ(result.message, "KeyError: lr");
}

TEST_F(WorkerRunnerTest, AnEndWithMemoryInItsLastWordsIsOom) {
  EXPECT_EQ(run("take; phase measure; echo 'RuntimeError: CUDA error: out of memory' >&2; exit 1").outcome,
            TrialOutcome::oom);
  EXPECT_EQ(run("take; phase measure; echo MemoryError; exit 1").outcome, TrialOutcome::oom) << "on standard output";
}

TEST_F(WorkerRunnerTest, ASignalThatWeDidNotSendIsKilled) {
  const TrialResult result = run("take; phase measure; kill -KILL $$");
  EXPECT_EQ(result.outcome, TrialOutcome::killed);
  EXPECT_THAT(result.message, HasSubstr("SIGKILL"));
  EXPECT_THAT(result.message, HasSubstr("host's memory"));
}

TEST_F(WorkerRunnerTest, AWorkerThatNeverSpeaksHangs) {
  WorkerOptions with = options("sleep 1000");
  with.start_timeout = 300ms;
  const TrialResult result = WorkerRunner(with).run({});
  EXPECT_EQ(result.outcome, TrialOutcome::hang);
  EXPECT_THAT(result.message, HasSubstr("0.3 s"));
}

TEST_F(WorkerRunnerTest, AWorkerThatStopsSpeakingHangsAndIsKilled) {
  WorkerOptions with = options("take; echo $$ > pid; echo 'compiling kernels' >&2; phase warmup; sleep 1000");
  with.event_timeout = 200ms;
  const TrialRequest request{.set = {}, .measure = {.min_seconds = 0, .max_seconds = 0.1}};
  const TrialResult result = WorkerRunner(with).run(request);
  EXPECT_EQ(result.outcome, TrialOutcome::hang);
  EXPECT_THAT(result.message, HasSubstr("compiling kernels"));
  EXPECT_TRUE(has_ended(pid_in(folder_.path() / "pid")));
}

TEST_F(WorkerRunnerTest, ATimeLimitEndsATrialItsStartIncluded) {
  const TrialResult starting = WorkerRunner(options("sleep 1000")).run({.set = {}, .measure = {}, .time_limit_s = 0.1});
  EXPECT_EQ(starting.outcome, TrialOutcome::cut_off);
  EXPECT_EQ(starting.message, "start");
  const TrialResult loading =
      WorkerRunner(options("take; echo $$ > pid; echo 'decoding 7 of 9' >&2; phase load; sleep 1000"))
          .run({.set = {}, .measure = {}, .time_limit_s = 3});
  EXPECT_EQ(loading.outcome, TrialOutcome::cut_off);
  EXPECT_EQ(loading.message, "load\ndecoding 7 of 9");
  EXPECT_TRUE(has_ended(pid_in(folder_.path() / "pid")));
}

TEST_F(WorkerRunnerTest, AfterATrialThatWasCutOffTheNextHasANewWorker) {
  WorkerRunner runner(options("if [ -e once ]; then take; ok 3; else touch once; sleep 1000; fi"));
  EXPECT_EQ(runner.run({.set = {}, .measure = {}, .time_limit_s = 3}).outcome, TrialOutcome::cut_off);
  EXPECT_EQ(runner.run({}).samples_per_s, 3);
}

TEST_F(WorkerRunnerTest, LoadingMayTakeAsLongAsStarting) {
  WorkerOptions with = options("take; phase load; sleep 1; ok 3");
  with.event_timeout = 100ms;
  const TrialRequest request{.set = {}, .measure = {.min_seconds = 0, .max_seconds = 0.1}};
  EXPECT_EQ(WorkerRunner(with).run(request).outcome, TrialOutcome::ok);
}

TEST_F(WorkerRunnerTest, AHangKillsGrandchildrenToo) {
  WorkerOptions with =
      options("take; sleep 1000 & echo $! > pid; setsid sleep 1001 & echo $! > pid2; phase warmup; wait");
  with.event_timeout = 100ms;
  const TrialRequest request{.set = {}, .measure = {.min_seconds = 0, .max_seconds = 0.1}};
  EXPECT_EQ(WorkerRunner(with).run(request).outcome, TrialOutcome::hang);
  EXPECT_TRUE(ends(pid_in(folder_.path() / "pid")));
  EXPECT_TRUE(ends(pid_in(folder_.path() / "pid2"))) << "in a session of its own, as torchrun's workers";
}

TEST_F(WorkerRunnerTest, AnEndLeavesNoGrandchildBehindAndIsNotHeldUpByIt) {
  const TrialResult result = run("take; sleep 1000 & echo $! > pid; exit 1");
  EXPECT_EQ(result.outcome, TrialOutcome::error);
  EXPECT_TRUE(ends(pid_in(folder_.path() / "pid")));
}

TEST_F(WorkerRunnerTest, CancellingKillsTheWorkerAndThrows) {
  std::atomic<bool> stop = false;
  WorkerOptions with = options("take; echo $$ > pid; phase measure; sleep 1000");
  with.on_phase = [&](const TrialRequest&, const std::string& phase) { stop = phase == "measure"; };
  with.cancelled = [&] { return stop.load(); };
  WorkerRunner runner(with);
  try {
    runner.run({});
    FAIL() << "not interrupted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::interrupted);
  }
  EXPECT_TRUE(has_ended(pid_in(folder_.path() / "pid")));
}

TEST_F(WorkerRunnerTest, TheRunnersEndEndsAWorkerThatIgnoresItsInput) {
  pid_t worker = 0;
  {
    WorkerRunner runner(options("take; ok 1; trap '' TERM HUP; sleep 1000"));
    runner.run({});
    worker = runner.worker().value();
    EXPECT_FALSE(has_ended(worker));
  }
  EXPECT_TRUE(has_ended(worker));
}

TEST_F(WorkerRunnerTest, FloodsOfOutputDoNotHurt) {
  const TrialResult result =
      run("take; head -c 3000000 /dev/zero | tr '\\0' x; echo; head -c 3000000 /dev/zero | tr '\\0' y >&2\n"
          "yes words | head -n 200000; ok 9");
  EXPECT_EQ(result.outcome, TrialOutcome::ok);
  EXPECT_EQ(result.samples_per_s, 9);
}

TEST_F(WorkerRunnerTest, AFloodThatNeverEndsIsAHangWithAShortMessage) {
  WorkerOptions with = options("take; yes words");
  with.start_timeout = 500ms;
  const TrialResult result = WorkerRunner(with).run({});
  EXPECT_EQ(result.outcome, TrialOutcome::hang);
  EXPECT_LT(result.message.size(), 3000u);
}

TEST_F(WorkerRunnerTest, ALineInPiecesIsOne) {
  const TrialResult result =
      run("take; printf '{\"v\":1,\"id\":%s,\"event\":\"do' $id; sleep 0.1\n"
          "printf 'ne\",\"outcome\":\"ok\",\"samples_per_s\":4}\\n'; sleep 1000");
  EXPECT_EQ(result.samples_per_s, 4);
}

TEST_F(WorkerRunnerTest, ABrokenEventIsAnErrorThatNamesTheField) {
  const TrialResult result = run("take; echo '{\"v\":1,\"event\":\"done\"}'; sleep 1000");
  EXPECT_EQ(result.outcome, TrialOutcome::error);
  EXPECT_THAT(result.message, HasSubstr("\"id\""));
}

TEST_F(WorkerRunnerTest, EventsOfAnotherTrialArePassedOver) {
  EXPECT_EQ(run("take; n=$id; id=99; ok 1; failed error x; id=$n; ok 2").samples_per_s, 2);
}

TEST_F(WorkerRunnerTest, AnAnswerToARequestThatItCouldNotReadCounts) {
  EXPECT_EQ(run("take; id=0; failed error unreadable; sleep 1000").message, "unreadable");
}

TEST_F(WorkerRunnerTest, ClosingTheOutputWithoutAResultIsAnErrorThoughTheWorkerLives) {
  const TrialResult result = run("take; echo 'had enough' >&2; exec >&-; sleep 1000");
  EXPECT_EQ(result.outcome, TrialOutcome::error);
  EXPECT_THAT(result.message, HasSubstr("closed its output"));
  EXPECT_THAT(result.message, HasSubstr("had enough"));
}

TEST_F(WorkerRunnerTest, AWorkerThatClosesItsInputCostsNoSigpipe) {
  TrialRequest long_request;
  long_request.set = {{"note", std::string(400'000, 'x')}};  // more than a pipe holds
  WorkerOptions with = options("exec <&-; sleep 0.2; exit 1");
  EXPECT_EQ(WorkerRunner(with).run(long_request).outcome, TrialOutcome::error);
}

TEST_F(WorkerRunnerTest, AWorkerThatNeverReadsALongRequestHangs) {
  TrialRequest long_request;
  long_request.set = {{"note", std::string(400'000, 'x')}};
  WorkerOptions with = options("sleep 1000");
  with.start_timeout = 300ms;
  EXPECT_EQ(WorkerRunner(with).run(long_request).outcome, TrialOutcome::hang);
}

TEST_F(WorkerRunnerTest, ALongRequestArrivesWhole) {
  TrialRequest long_request;
  long_request.set = {{"note", std::string(400'000, 'x')}};
  WorkerOptions with = options("take; ok ${#line}");
  EXPECT_GT(WorkerRunner(with).run(long_request).samples_per_s, 400'000);
}

TEST_F(WorkerRunnerTest, AProgramThatDoesNotExistIsAnErrorThatNamesIt) {
  WorkerOptions with;
  with.command = {"/nonexistent/wring-train", "trial"};
  try {
    WorkerRunner(with).run({});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::failed);
    EXPECT_THAT(error.what(), HasSubstr("/nonexistent/wring-train"));
  }
}

TEST_F(WorkerRunnerTest, AConfigThatTheWorkerRefusesIsAnErrorInItsWords) {
  try {
    run("echo 'x.yaml:3: patch_size: must be even' >&2; exit 2");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_STREQ(error.what(), "x.yaml:3: patch_size: must be even");
  }
}

TEST_F(WorkerRunnerTest, TheSameExitCodeAfterAnEventIsATrialsError) {
  EXPECT_EQ(run("take; phase load; exit 2").outcome, TrialOutcome::error);
}

TEST_F(WorkerRunnerTest, NoDescriptorIsLeaked) {
  run("take; ok 1");
  const auto before = open_descriptors();
  run("take; ok 1");
  run("take; exit 1");
  WorkerOptions with = options("sleep 1000");
  with.start_timeout = 50ms;
  WorkerRunner(with).run({});
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(WorkerRunnerTest, TheEnvironmentIsTheOptions) {
  WorkerOptions with = options("take; ok $WRING_TEST_RATE");
  with.environment = {{"WRING_TEST_RATE", "77"}};
  EXPECT_EQ(WorkerRunner(with).run({}).samples_per_s, 77);
}

}  // namespace
}  // namespace wring
