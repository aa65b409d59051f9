// wring benchmark over a card that is a few numbers: the search, what it writes, and what it does when things go wrong.
#include <cmath>
#include <csignal>

#include "cli/tuning_test.h"
#include "fixtures/running_program.h"

namespace wring {
namespace {

using namespace testing_support;
using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class Benchmark : public TuningTest {};

TEST_F(Benchmark, WritesAConfigThatTrainsFasterWithItsRecordAndItsPage) {
  const ChildResult result = benchmark({"--knobs", "none"});
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  const json found = record();
  const auto batch = found["chosen_batch_size"].get<std::int64_t>();
  EXPECT_GT(batch, 16);
  EXPECT_GT(found["speed_up"], 1.5);
  EXPECT_EQ(found["written"], true);
  EXPECT_THAT(programs_.read(kOutput), HasSubstr("batch_size: " + std::to_string(batch) + "   # what fitted"));
  EXPECT_THAT(programs_.read("configs/mine_optimized.html"), HasSubstr("<svg "));
  EXPECT_THAT(result.out, HasSubstr("Written: configs/mine_optimized.yaml"));
  EXPECT_THAT(result.out, HasSubstr("wring train configs/mine_optimized.yaml"));
}

TEST_F(Benchmark, ChoosesABatchThatWasRunAndLosesLittleAgainstTheBest) {
  ASSERT_EQ(benchmark({"--knobs", "none"}).exit_status, 0);
  const json found = record();
  double best = 0, chosen = 0;
  for (const json& trial : found["trials"]) {
    if (trial["outcome"] != "ok") continue;
    best = std::max(best, trial["samples_per_s"].get<double>());
    if (trial["batch_size"] == found["chosen_batch_size"]) chosen = trial["samples_per_s"];
  }
  EXPECT_GT(chosen, 0.96 * best) << "and it was run";
}

TEST_F(Benchmark, TheConfigsOwnBatchIsMeasuredFirstAndEveryNumberIsTheSame) {
  const ChildResult result = benchmark({"--knobs", "none"});
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  const json found = record();
  EXPECT_EQ(found["trials"][0]["purpose"], "own");
  EXPECT_EQ(found["trials"][0]["batch_size"], 16);
  const double before = found["before"]["samples_per_s"], chosen = found["chosen"]["samples_per_s"];
  EXPECT_DOUBLE_EQ(found["speed_up"], chosen / before);
  const std::string rate = std::to_string(std::llround(chosen));
  const std::string batch = std::to_string(found["chosen_batch_size"].get<std::int64_t>());
  EXPECT_THAT(found["reason"].get<std::string>(), HasSubstr("Batch " + batch + " runs at " + rate + " samples/s"));
  EXPECT_THAT(result.out, testing::ContainsRegex("after +" + batch + " +" + rate));
  EXPECT_THAT(programs_.read("configs/mine_optimized.html"), HasSubstr("<b>" + rate + "</b>"));
}

TEST_F(Benchmark, AConfigThatNothingImprovesKeepsItsBatch) {
  programs_.folder().write(kConfig,
                           "batch_size: 256\npatch_size: 128\nscale_factor: 4\n");  // 98 % of all that there is
  set_card("start=1");
  const ChildResult result = benchmark({"--knobs", "none"});
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  const json found = record();
  EXPECT_EQ(found["chosen_batch_size"], 256);
  EXPECT_TRUE(found["changes"].empty());
  EXPECT_TRUE(found["speed_up"].is_null());
  EXPECT_EQ(programs_.read(kOutput), programs_.read(kConfig));
  EXPECT_THAT(result.out, HasSubstr("Batch 256, the configuration's own,"));
}

TEST_F(Benchmark, OnADisturbedMachineItSaysSoAndWritesNothing) {
  set_card("start=40,swing=0.9");
  const ChildResult result = benchmark({"--knobs", "none"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("the machine is disturbed: rates of one size differ by 90 %; nothing was written"));
  EXPECT_THAT(result.out, Not(HasSubstr("× the samples per second")));
  EXPECT_THAT(files(), testing::ElementsAre(kConfig)) << "nor are its trials kept for a later search";
  const json told = json::parse(benchmark({"--knobs", "none", "--json"}).out);
  EXPECT_NEAR(told["disturbed"].get<double>(), 0.9, 1e-9);
  EXPECT_EQ(told["written"], false);
  EXPECT_TRUE(told["chosen_batch_size"].is_null());
}

TEST_F(Benchmark, ADisturbedMachineLeavesAnEarlierResultAsItWas) {
  ASSERT_EQ(benchmark({"--knobs", "none"}).exit_status, 0);
  const std::string before = programs_.read("configs/mine_optimized.json");
  set_card("start=40,swing=0.9");
  EXPECT_EQ(benchmark({"--knobs", "none", "--no-cache"}).exit_status, 1);
  EXPECT_EQ(programs_.read("configs/mine_optimized.json"), before);
}

TEST_F(Benchmark, TouchesNothingButTheValuesThatItChanges) {
  ASSERT_EQ(benchmark({"--knobs", "none"}).exit_status, 0);
  EXPECT_EQ(programs_.read(kConfig), kSampleConfig) << "the input";
  const std::string text = programs_.read(kOutput);
  for (const char* part : {"# our first try\n", "# what fitted the old card\n", "patch_size:  128\n", "\n\n",
                           "team_note: \"ask Li before changing lr\"\n"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST_F(Benchmark, PrintsALineATrialAndAFinalTable) {
  const ChildResult result = benchmark({"--knobs", "none"});
  EXPECT_THAT(result.out, HasSubstr("Searching the batch size of configs/mine.yaml"));
  EXPECT_THAT(result.out, testing::ContainsRegex("  batch +16 +[0-9]+ samples/s +[0-9.]+ ms +1800 MiB  GPU-Util"));
  EXPECT_THAT(result.out, testing::ContainsRegex("\n +batch +samples/s +trials +step ms"));
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b"))) << "no terminal, no painting";
}

TEST_F(Benchmark, RunningOutOfMemoryIsAnOutcomeAndTheNextSizeThatFailedIsNamed) {
  set_card("refuse=100,start=40");  // where the memory line foresees nothing
  const ChildResult result = benchmark({"--knobs", "none"});
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  const json found = record();
  EXPECT_LT(found["chosen_batch_size"], 100);
  EXPECT_GE(found["next_failed_batch_size"], 100);
  EXPECT_THAT(result.out, HasSubstr("out of memory"));
  EXPECT_THAT(result.out, HasSubstr("The next size that did not fit: batch "));
}

TEST_F(Benchmark, ThatFindsNothingLeavesAnEarlierResultAsItWas) {
  ASSERT_EQ(benchmark({"--knobs", "none"}).exit_status, 0);
  const std::vector<std::string> files{kOutput, "configs/mine_optimized.json", "configs/mine_optimized.html"};
  std::vector<std::string> before;
  for (const std::string& file : files) before.push_back(programs_.read(file));
  set_card("crash=1");
  EXPECT_NE(benchmark({"--knobs", "none", "--no-cache"}).exit_status, 0);
  for (std::size_t i = 0; i < files.size(); ++i) EXPECT_EQ(programs_.read(files[i]), before[i]) << files[i];
}

TEST_F(Benchmark, LeavesTheReserveFreeOnASmallCard) {
  set_card("total=8000,start=40");
  ASSERT_EQ(benchmark({"--knobs", "none"}).exit_status, 0);
  EXPECT_GE(record()["headroom_mib"], 256);
  EXPECT_LE(record()["chosen_batch_size"], 121);
}

TEST_F(Benchmark, AConfigThatIsTooLargeForTheCardStillComesOutWell) {
  programs_.folder().write(kConfig, "batch_size: 512\npatch_size: 128\nscale_factor: 4\n");
  set_card("total=8000");
  ASSERT_EQ(benchmark({"--knobs", "none"}).exit_status, 0);
  const json found = record();
  EXPECT_LT(found["chosen_batch_size"], 128);
  EXPECT_TRUE(found["speed_up"].is_null()) << "nothing to compare with";
  EXPECT_EQ(found["changes"][0]["old"], 512);
}

TEST_F(Benchmark, WhereNothingRunsItSaysWhyAndLeavesNoConfig) {
  set_card("crash=1");
  const ChildResult result = benchmark();
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("error: "));
  EXPECT_THAT(result.out + result.err, HasSubstr("no usable image in <data>"));
  EXPECT_FALSE(programs_.exists(kOutput));
  EXPECT_EQ(programs_.read(kConfig), kSampleConfig);
  EXPECT_EQ(record()["trials"][0]["outcome"], "error") << "what was tried is kept";
  EXPECT_THAT(programs_.read("configs/mine_optimized.html"), HasSubstr("&lt;data&gt;"));
  EXPECT_THAT(result.err, HasSubstr("what was tried: configs/mine_optimized.json"));
  EXPECT_THAT(result.err, Not(HasSubstr("--budget"))) << "more time would not help";
}

TEST_F(Benchmark, WhereNothingRunsTheFilesOfAnEarlierRunStayAndAreNotCalledThisOnes) {
  programs_.folder().write(kOutput, "batch_size: 8\n");
  programs_.folder().write("configs/mine_optimized.json", "{}");
  set_card("crash=1");
  const ChildResult result = benchmark();
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_EQ(programs_.read("configs/mine_optimized.json"), "{}");
  EXPECT_THAT(result.err, HasSubstr("configs/mine.yaml and configs/mine_optimized.yaml are as they were"));
  EXPECT_THAT(result.err, Not(HasSubstr("what was tried")));
}

TEST_F(Benchmark, ATrialThatHangsIsKilledAndTheSearchGoesOn) {
  programs_.set("WRING_TRIAL_TIMEOUT", "2");
  set_card("hang=64,start=40");
  const ChildResult result = benchmark({"--knobs", "none"});
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  EXPECT_LT(record()["chosen_batch_size"], 64);
  EXPECT_THAT(record()["trials"], Contains(testing::ResultOf([](const json& t) { return t["outcome"]; }, "hang")));
}

TEST_F(Benchmark, ATrialThatIsKilledIsAnOutcomeToo) {
  set_card("kill=64,start=40");
  ASSERT_EQ(benchmark({"--knobs", "none"}).exit_status, 0);
  EXPECT_LT(record()["chosen_batch_size"], 64);
}

TEST_F(Benchmark, CtrlCKeepsWhatWasMeasuredAndEndsWith130) {
  set_card("pause=0.2");
  RunningProgram running(programs_, {program(), "benchmark", kConfig});
  ASSERT_TRUE(running.wait_for_output("samples/s")) << running.err();
  running.send(SIGINT);
  EXPECT_EQ(running.wait(), 130) << running.err();
  const json found = record();
  EXPECT_EQ(found["interrupted"], true);
  EXPECT_EQ(found["written"], false);
  EXPECT_FALSE(found["trials"].empty());
  EXPECT_FALSE(programs_.exists(kOutput));
  EXPECT_THAT(running.out(), HasSubstr("Interrupted"));
}

TEST_F(Benchmark, CtrlCDuringATrialThatNeverEndsDoesNotWaitForIt) {
  set_card("hang=1");
  RunningProgram running(programs_, {program(), "benchmark", kConfig});
  ASSERT_TRUE(RunningProgram::wait_until([&] { return programs_.exists("requests"); }));
  running.send(SIGINT);
  EXPECT_EQ(running.wait(), 130) << running.err();
  EXPECT_EQ(record()["interrupted"], true);
}

TEST_F(Benchmark, TheNextRunUsesWhatAnEarlierOneMeasured) {
  ASSERT_EQ(benchmark({"--knobs", "none"}).exit_status, 0);
  const std::size_t first = requests().size();
  const json before = record();
  const ChildResult again = benchmark({"--knobs", "none"});
  ASSERT_EQ(again.exit_status, 0) << again.err;
  std::size_t anew = 0;
  const json second = record();
  for (const json& trial : second["trials"]) {
    const bool decides = trial["purpose"] == "compare";
    EXPECT_EQ(trial["reused"], !decides) << trial.dump() << ": what decides is measured anew, and nothing else";
    anew += decides ? 1 : 0;
  }
  EXPECT_EQ(requests().size(), first + anew);
  EXPECT_EQ(record()["chosen_batch_size"], before["chosen_batch_size"]);
  EXPECT_THAT(again.out, HasSubstr("measured earlier"));
  ASSERT_EQ(benchmark({"--knobs", "none", "--no-cache"}).exit_status, 0);
  EXPECT_GT(requests().size(), first);
}

TEST_F(Benchmark, ValuesOfSetAreMeasuredWithAndWritten) {
  ASSERT_EQ(benchmark({"--set", "num_workers=3", "base_channels=48", "--knobs", "none"}).exit_status, 0);
  for (const json& request : requests()) {
    EXPECT_EQ(request["set"]["num_workers"], 3);
    EXPECT_EQ(request["set"]["base_channels"], 48);
  }
  EXPECT_THAT(programs_.read(kOutput), HasSubstr("num_workers: 3\n"));
  EXPECT_THAT(programs_.read(kOutput), HasSubstr("base_channels: 48\n"));
  EXPECT_EQ(benchmark({"--set", "num_wokers=3"}).exit_status, 2);
}

TEST_F(Benchmark, AdvisesOnTheLearningRateAndChangesItOnlyWhenAsked) {
  const ChildResult advised = benchmark({"--knobs", "none"});
  EXPECT_THAT(advised.out, HasSubstr("lr"));
  EXPECT_THAT(programs_.read(kOutput), HasSubstr("lr: 0.0002\n"));
  ASSERT_EQ(benchmark({"--knobs", "none", "--scale-lr"}).exit_status, 0);
  EXPECT_THAT(programs_.read(kOutput), Not(HasSubstr("lr: 0.0002\n")));
  EXPECT_THAT(record()["changes"], Contains(testing::ResultOf([](const json& c) { return c["key"]; }, "lr")));
}

TEST_F(Benchmark, AShortRunBySetIsMeasuredAndWrittenWithAWarmUpThatFitsIt) {
  programs_.folder().write(kConfig, std::string(kSampleConfig) + "warmup_iters: 1000\ntotal_iters: 100000\n");
  const ChildResult result = benchmark({"--set", "total_iters=400", "--knobs", "none"});
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("warmup_iters: 1000 → 4"));
  EXPECT_THAT(programs_.read(kOutput), testing::AllOf(HasSubstr("warmup_iters: 4\n"), HasSubstr("total_iters: 400\n")));
  const ChildResult refused = benchmark({"--set", "warmup_iters=200000"});
  EXPECT_EQ(refused.exit_status, 2);
  EXPECT_THAT(refused.err, HasSubstr("error: --set warmup_iters=200000: warmup_iters 200000 is not below"));
}

TEST_F(Benchmark, TellsHowLongTheWholeRunTakesByTheRatesThatItMeasured) {
  const ChildResult result = benchmark({"--knobs", "none"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  const json found = record();
  const json before = found["trials"][found["before_trial"].get<std::size_t>()];
  const json after = found["trials"][found["chosen_trial"].get<std::size_t>()];
  EXPECT_EQ(found["run"]["before"]["samples"], 1600000);
  EXPECT_EQ(found["run"]["after"]["samples"], 100000 * found["chosen_batch_size"].get<std::int64_t>());
  EXPECT_DOUBLE_EQ(found["run"]["before"]["hours"], 1600000 / before["samples_per_s"].get<double>() / 3600);
  EXPECT_DOUBLE_EQ(found["run"]["after"]["hours"],
                   found["run"]["after"]["samples"].get<double>() / after["samples_per_s"].get<double>() / 3600);
  EXPECT_THAT(result.out, HasSubstr("The whole run: 11 min before, "));
  EXPECT_THAT(result.out, HasSubstr("keeps its 100000 steps"));
  EXPECT_THAT(programs_.read(kOutput), Not(HasSubstr("total_iters")));
}

TEST_F(Benchmark, SameSamplesShortensTheRun) {
  const ChildResult result = benchmark({"--knobs", "none", "--same-samples"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  const json found = record();
  const auto batch = found["chosen_batch_size"].get<std::int64_t>();
  const auto steps = found["run"]["after"]["total_iters"].get<std::int64_t>();
  EXPECT_NEAR(static_cast<double>(batch * steps), 1.6e6, static_cast<double>(batch));
  EXPECT_LT(found["run"]["after"]["hours"], found["run"]["before"]["hours"]);
  EXPECT_THAT(programs_.read(kOutput), HasSubstr("total_iters: " + std::to_string(steps) + "\n"));
  EXPECT_THAT(programs_.read(kOutput), HasSubstr("val_freq: "));
  EXPECT_THAT(result.out, HasSubstr("100000 (default)"));
  EXPECT_EQ(benchmark({"--same-samples", "--command", "true {config}"}).exit_status, 2);
}

TEST_F(Benchmark, AdvisesOnNoLearningRateThatTheConfigDoesNotName) {
  programs_.folder().write(kConfig, "batch_size: 16\npatch_size: 128\n");
  EXPECT_THAT(benchmark({"--knobs", "none"}).out, Not(HasSubstr("lr ")));
}

TEST_F(Benchmark, ASettingThatHelpsIsWrittenAndOneThatDoesNotIsNot) {
  programs_.use_machine("rtx4090");
  programs_.folder().write(kConfig, std::string(kSampleConfig) + "compile_model: false\n");
  set_card("start=40,compile=0.1");  // launches dominate until the step is compiled
  const ChildResult result = benchmark({"--knobs", "compile,channels_last"});
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  EXPECT_THAT(programs_.read(kOutput), HasSubstr("compile_model: true\n"));
  const json found = record();
  for (const json& change : found["changes"]) EXPECT_NE(change["key"], "channels_last");
  EXPECT_EQ(found["trials"][found["chosen_trial"].get<std::size_t>()]["set"]["compile_model"], true);
  EXPECT_GT(found["speed_up"], 1.0);
}

TEST_F(Benchmark, WithoutCompileModelTheFastestEngineIsInUseAndIsNotTried) {
  programs_.use_machine("rtx4090");
  ASSERT_EQ(benchmark({"--knobs", "compile"}).exit_status, 0);
  for (const json& request : requests()) EXPECT_FALSE(request["set"].contains("compile_model")) << request;
  EXPECT_THAT(programs_.read(kOutput), Not(HasSubstr("compile_model")));
}

TEST_F(Benchmark, SaysWhoseFeaturesThePerceptualLossComparesBeforeItMeasures) {
  programs_.set("TORCH_HOME", "/nowhere");
  programs_.folder().write(kConfig, std::string(kSampleConfig) + "use_perceptual: true\n");
  const ChildResult result = benchmark({"--knobs", "none"});
  EXPECT_THAT(result.out,
              testing::StartsWith("perceptual loss: VGG-19 with random weights, because there is no /nowhere/"));
  EXPECT_EQ(record()["machine"]["VGG-19 weights"], "random");
  EXPECT_THAT(run({"diagnose", kConfig}).out, testing::StartsWith("perceptual loss: VGG-19 with random weights"));
  programs_.folder().write(kConfig,
                           std::string(kSampleConfig) + "use_perceptual: true\nperceptual_weights_file: v.pth\n");
  EXPECT_THAT(benchmark({"--knobs", "none"}).out,
              testing::StartsWith("perceptual loss: VGG-19 with the weights of v.pth"));
  EXPECT_EQ(record()["machine"]["VGG-19 weights"], "v.pth");
}

TEST_F(Benchmark, AValueWrittenInAnotherWayIsNoChange) {
  programs_.folder().write(kConfig, std::string(kSampleConfig) + "warmup_iters: 1e3\nval_freq: ~\n");
  ASSERT_EQ(benchmark({"--knobs", "none", "--set", "warmup_iters=1000", "val_freq=1000"}).exit_status, 0);
  const json found = record();
  for (const json& change : found["changes"]) {
    EXPECT_NE(change["key"], "warmup_iters");
    EXPECT_NE(change["key"], "val_freq");
  }
  EXPECT_THAT(programs_.read(kOutput), HasSubstr("warmup_iters: 1e3\nval_freq: ~\n"));
}

TEST_F(Benchmark, WhatChangesTogetherIsComparedWithTheConfigAsItWasInTurns) {
  programs_.use_machine("rtx4090");
  programs_.folder().write(kConfig, std::string(kSampleConfig) + "compile_model: false\n");
  set_card("start=40,compile=0.1");
  ASSERT_EQ(benchmark({"--knobs", "compile"}).exit_status, 0);
  const json found = record();
  std::vector<std::int64_t> before, after;
  for (const json& trial : found["trials"]) {
    if (trial["purpose"] != "confirm") continue;
    (trial["set"].contains("compile_model") ? after : before).push_back(trial["batch_size"]);
  }
  EXPECT_THAT(before, testing::AllOf(testing::SizeIs(testing::Ge(2)), testing::Each(16)));
  EXPECT_THAT(after, testing::AllOf(testing::SizeIs(testing::Ge(2)), testing::Each(found["chosen_batch_size"])));
  EXPECT_THAT(found["reason"].get<std::string>(), HasSubstr("with compile_model=true runs at "));
}

TEST_F(Benchmark, WithoutAGpuItSaysThatTheResultIsTheCpus) {
  const ChildResult result = benchmark({"--knobs", "none"});
  EXPECT_THAT(result.out, HasSubstr("no GPU was found"));
  EXPECT_EQ(benchmark({"--device", "cuda"}).exit_status, 3);
}

TEST_F(Benchmark, OnAGpuTheRecordNamesTheCard) {
  programs_.use_machine("rtx4090");
  ASSERT_EQ(benchmark({"--knobs", "none"}).exit_status, 0);
  EXPECT_THAT(record()["machine"]["GPU 0"], HasSubstr("4090"));
  EXPECT_THAT(programs_.read("configs/mine_optimized.html"), HasSubstr("4090"));
}

TEST_F(Benchmark, OfSeveralCardsTheRecordNamesThoseThatTheProgramSees) {
  programs_.use_machine("two_h200s");
  programs_.set("CUDA_VISIBLE_DEVICES", "1");
  ASSERT_EQ(benchmark({"--knobs", "none"}).exit_status, 0);
  EXPECT_TRUE(record()["machine"].contains("GPU 1"));
  EXPECT_FALSE(record()["machine"].contains("GPU 0"));
  programs_.set("CUDA_VISIBLE_DEVICES", "");
  ASSERT_EQ(benchmark({"--knobs", "none"}).exit_status, 0);
  EXPECT_THAT(record()["machine"]["GPU"].get<std::string>(), HasSubstr("measured on the CPU"));
}

TEST_F(Benchmark, WithoutWringTrainTheErrorSaysHowToGetIt) {
  std::filesystem::remove(programs_.folder().path() / "bin/wring-train");
  programs_.set("PATH", "/usr/bin:/bin");
  const ChildResult result = benchmark();
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, HasSubstr("wring-train was not found"));
  EXPECT_THAT(result.err, HasSubstr("LibTorch"));
}

TEST_F(Benchmark, WithNprocTheWorkersAreRanksAndTheBatchIsEachOnes) {
  programs_.set("FAKE_ARGUMENTS", (programs_.folder().path() / "arguments").string());
  const ChildResult result = benchmark({"--nproc", "2", "--knobs", "none"});
  ASSERT_EQ(result.exit_status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("on 2 ranks"));
  EXPECT_THAT(result.out, HasSubstr("wring train configs/mine_optimized.yaml --nproc 2"));
  const json found = record();
  const std::int64_t batch = found["chosen_batch_size"];
  EXPECT_THAT(result.out, HasSubstr("make a global batch of " + std::to_string(2 * batch)));
  EXPECT_THAT(programs_.read("arguments"), HasSubstr("--nproc 2"));

  // One rank's trials say nothing of two.
  const std::size_t before = requests().size();
  ASSERT_EQ(benchmark({"--knobs", "none"}).exit_status, 0);
  EXPECT_GT(requests().size(), before);
}

TEST_F(Benchmark, MoreRanksThanGpusAreRefusedBeforeAnythingRuns) {
  programs_.use_machine("two_h200s");
  const ChildResult result = benchmark({"--nproc", "3"});
  EXPECT_EQ(result.exit_status, 3);
  EXPECT_THAT(result.err, HasSubstr("--nproc 3: 2 GPUs can be used here"));
  EXPECT_THAT(requests(), testing::IsEmpty());
}

// The guide's lines.
class GuideBenchmark : public TuningTest {
 protected:
  ChildResult optimize_gpu(const std::vector<std::string>& arguments) const {
    return programs_.run(program("optimize_gpu"), arguments);
  }
};

TEST_F(GuideBenchmark, AnOptimisedConfigIsMeasuredAndNotOptimisedAgain) {
  programs_.folder().write("configs/lightweight_gpu_optimized.yaml", kSampleConfig);
  const ChildResult result = optimize_gpu({"--config", "configs/lightweight_gpu_optimized.yaml", "--benchmark"});
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  EXPECT_TRUE(programs_.exists("configs/lightweight_gpu_optimized_optimized.yaml"));
  EXPECT_FALSE(programs_.exists("configs/lightweight_gpu_optimized_gpu_optimized.yaml"));
  EXPECT_EQ(programs_.read("configs/lightweight_gpu_optimized.yaml"), kSampleConfig);
}

TEST_F(GuideBenchmark, AnotherConfigIsOptimisedFirst) {
  programs_.folder().write("configs/lightweight_config.yaml", kSampleConfig);
  const ChildResult result = optimize_gpu({"--config", "configs/lightweight_config.yaml", "--benchmark"});
  ASSERT_EQ(result.exit_status, 0) << result.out << result.err;
  EXPECT_TRUE(programs_.exists("configs/lightweight_gpu_optimized.yaml"));
  EXPECT_TRUE(programs_.exists("configs/lightweight_gpu_optimized_optimized.yaml"));
}

}  // namespace
}  // namespace wring
