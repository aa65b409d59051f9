#include "wring/tune/trial_cache.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "unit/tune/search/recorded_runner.h"
#include "unit/tune/search/simulated_gpu.h"
#include "wring/base/error.h"
#include "wring/config/keys.h"
#include "wring/files/files.h"
#include "wring/trial/result_json.h"
#include "wring/tune/search/batch_search.h"

namespace wring {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class TrialCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              ("wring_trials_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static TrialRequest request_for(std::int64_t batch) {
    TrialRequest request;
    request.set = {{"batch_size", std::to_string(batch)}};
    return request;
  }
  static TrialPlace here() { return {"wring-train", {{"torch", "2.11.0"}, {"driver", "580"}}, "NVIDIA H200", 1, {}}; }

  fs::path folder_;
};

TrialResult full_result() {
  TrialResult result;
  result.message = "a \"quoted\" line\nand another";
  result.samples_per_s = 5120.4;
  result.step_ms = {6.25, 0.04, 6.4, 96};
  result.data_wait_ms = 0.1;
  result.warmup_s = 2.1;
  result.loss = 0.03;
  result.kernel_busy_percent = 87.5;
  result.kernels = {{.kind = KernelKind::elementwise, .ms = 2.5, .small_ms = 0.5, .calls = 7, .heaviest = "relu"}};
  result.arithmetic = {.tflop_per_step = 15.8, .matmul_tflops = 702, .precision = "bf16"};
  result.engine = "graph, fused";
  result.memory = {946, 1210, 0, 140100, 143771};
  result.utilisation = {97, 88.5, 61, 40};
  result.seconds = 4.5;
  return result;
}

TEST_F(TrialCacheTest, LeavesOutTheKeysThatNoStepsTimeOrMemoryDependsOn) {
  const TrialKey key = trial_key(TrainConfig(), request_for(8), here());
  std::vector<std::string> idle;
  for (const std::string& name : key_names()) {
    if (!key.facts.contains("config." + name)) idle.push_back(name);
  }
  EXPECT_THAT(idle, testing::UnorderedElementsAre("lr", "weight_decay", "scheduler", "eta_min", "milestones", "gamma",
                                                  "warmup_iters", "total_iters", "seed", "val_freq", "log_freq",
                                                  "checkpoint_freq", "keep_checkpoints", "perceptual_weight",
                                                  "early_stopping_patience", "early_stopping_min_delta",
                                                  "experiment_name", "val_lr_dir", "use_hflip", "use_rot"));
}

TEST_F(TrialCacheTest, KeepsEveryFieldOfARequestAndAResult) {
  TrialRequest request = request_for(32);
  request.set.push_back({"amp_dtype", "bf16"});
  request.measure = {TrialData::loader, 0.25, 7, 0.01, 12, true, true};
  const TrialRequest same = request_from_json(nlohmann::json::parse(request_json(request).dump()));
  EXPECT_EQ(request_json(same), request_json(request));
  EXPECT_EQ(same.set[1].value, "bf16");
  EXPECT_EQ(same.measure.data, TrialData::loader);
  EXPECT_TRUE(same.measure.validate);
  EXPECT_TRUE(same.measure.kernels);

  const TrialResult result = full_result();
  const TrialResult back = result_from_json(nlohmann::json::parse(result_json(result, TrialForm::kept).dump()));
  EXPECT_EQ(result_json(back, TrialForm::kept), result_json(result, TrialForm::kept));
  EXPECT_EQ(back.samples_per_s, 5120.4);
  EXPECT_EQ(back.memory.peak_reserved_mib, 1210);
  EXPECT_EQ(back.utilisation.sm_activity, 88.5);
  EXPECT_EQ(back.step_ms.n, 96);
  ASSERT_EQ(back.kernels.size(), 1U);
  EXPECT_EQ(back.kernels[0].kind, KernelKind::elementwise);
  EXPECT_EQ(back.kernels[0].heaviest, "relu");
  EXPECT_EQ(back.arithmetic.matmul_tflops, 702);
  EXPECT_EQ(back.seconds, 4.5);
}

TEST_F(TrialCacheTest, LeavesOutWhatIsAbsent) {
  TrialResult oom;
  oom.outcome = TrialOutcome::oom;
  const nlohmann::json json = result_json(oom, TrialForm::kept);
  EXPECT_FALSE(json.contains("memory"));
  EXPECT_FALSE(json.contains("loss"));
  EXPECT_FALSE(result_from_json(json).memory.peak_reserved_mib);
}

TEST_F(TrialCacheTest, RefusesARecordThatIsWrong) {
  EXPECT_THROW(result_from_json({{"outcome", "maybe"}}), Error);
  EXPECT_THROW(result_from_json({{"outcome", "ok"}, {"seconds", "long"}}), Error);
  for (const double no_rate : {0.0, -5.0, 1e300}) {
    EXPECT_THROW(result_from_json({{"outcome", "ok"}, {"samples_per_s", no_rate}}), Error) << no_rate;
  }
  for (const char* wrong : {R"({"step_ms": {"median": -1}})", R"({"step_ms": {"n": 1e300}})", R"({"warmup_s": 1e16})",
                            R"({"memory": {"peak_reserved_mib": -1}})", R"({"memory": {"device_total_mib": 1.5}})",
                            R"({"memory": {"alloc_retries": 9223372036854775807}})", R"({"seconds": -1})",
                            R"({"kernel_busy_percent": 101})", R"({"utilisation": {"gpu_util": 1e9}})"}) {
    nlohmann::json record = nlohmann::json::parse(wrong);
    record["outcome"] = "ok";
    EXPECT_THROW(result_from_json(record), Error) << wrong;
  }
  EXPECT_EQ(result_from_json({{"outcome", "ok"}, {"loss", -1e20}}).loss, -1e20) << "a loss may be anything";
  EXPECT_THROW(result_from_json(nlohmann::json::array()), Error);
  EXPECT_THROW(request_from_json({{"measure", {{"data", "imaginary"}}}}), Error);
}

TEST_F(TrialCacheTest, KeysDifferByWhatAResultDependsOnAndByNothingElse) {
  const TrainConfig config;
  const std::string base = trial_key(config, request_for(32), here()).hash();
  EXPECT_EQ(base.size(), 16U);
  EXPECT_EQ(trial_key(config, request_for(32), here()).hash(), base);

  EXPECT_NE(trial_key(config, request_for(40), here()).hash(), base);
  TrainConfig other = config;
  other.base_channels = 128;
  EXPECT_NE(trial_key(other, request_for(32), here()).hash(), base);
  TrialPlace place = here();
  place.card = "NVIDIA H100";
  EXPECT_NE(trial_key(config, request_for(32), place).hash(), base);
  place = here();
  place.software.front().second = "2.13.0";
  EXPECT_NE(trial_key(config, request_for(32), place).hash(), base);
  TrialRequest longer = request_for(32);
  longer.measure.data = TrialData::resident;
  EXPECT_NE(trial_key(config, longer, here()).hash(), base);

  other = config;
  other.lr = 1;
  other.seed = 7;
  other.experiment_name = "another";
  EXPECT_EQ(trial_key(other, request_for(32), here()).hash(), base);
}

TEST_F(TrialCacheTest, TheBatchOfTheConfigIsTheBatchOfTheRequest) {
  TrainConfig config;
  config.batch_size = 32;
  EXPECT_EQ(trial_key(config, TrialRequest(), here()).hash(), trial_key(TrainConfig(), request_for(32), here()).hash());
}

// The hash of files that exist already must not change: FNV-1a over "1:a1:1" and so on, as anybody can work it out.
TEST_F(TrialCacheTest, HashesAsEver) {
  EXPECT_EQ(TrialKey{}.hash(), "cbf29ce484222325");
  EXPECT_EQ((TrialKey{{{"a", "1"}}}.hash()), "bdd1758ad6363585");
  EXPECT_EQ((TrialKey{{{"a", "1"}, {"card", "NVIDIA H200"}}}.hash()), "075d581f28f8d63e");
  EXPECT_NE((TrialKey{{{"ab", "c"}}}.hash()), (TrialKey{{{"a", "bc"}}}.hash()));
}

// Keys that Wring does not know belong to the user's program: it may read anything from them.
TEST_F(TrialCacheTest, TheUsersOwnKeysArePartOfTheKey) {
  TrialPlace place = here();
  place.foreign = {{"depth", "3"}};
  const std::string shallow = trial_key(TrainConfig(), request_for(32), place).hash();
  place.foreign = {{"depth", "30"}};
  EXPECT_NE(trial_key(TrainConfig(), request_for(32), place).hash(), shallow);
  TrialRequest request = request_for(32);
  request.set.push_back({"depth", "3"});
  EXPECT_EQ(trial_key(TrainConfig(), request, place).hash(), shallow) << "what a request sets goes before the file";
  place.ranks = 2;
  EXPECT_NE(trial_key(TrainConfig(), request, place).hash(), shallow);
}

// It may count tokens, and name optimisers that Wring does not have.
TEST_F(TrialCacheTest, AnotherProgramsValuesOfOurKeysArePartOfTheKey) {
  const auto hash_of = [](const char* key, const char* value) {
    TrialRequest request;
    request.set = {{key, value}};
    return trial_key(TrainConfig(), request, here()).hash();
  };
  EXPECT_NE(hash_of("batch_size", "500000"), hash_of("batch_size", "1000000"));
  EXPECT_NE(hash_of("optimizer", "SGD"), hash_of("optimizer", "Lion"));
  EXPECT_EQ(hash_of("optimizer", "SGD"), hash_of("optimizer", "SGD"));
}

TEST_F(TrialCacheTest, WhatHasToBeFreshIsAlwaysRunAndKept) {
  SimulatedGpu first({});
  CachedRunner before(first, folder_, TrainConfig(), here());
  before.run(request_for(32));
  SimulatedGpu second({}, 99);
  CachedRunner after(second, folder_, TrainConfig(), here());
  TrialRequest fresh = request_for(32);
  fresh.fresh = true;
  fresh.time_limit_s = 30;  // no part of what was asked
  const TrialResult measured = after.run(fresh);
  EXPECT_FALSE(measured.reused);
  EXPECT_EQ(second.asked().size(), 1U);
  SimulatedGpu third({}, 7);
  CachedRunner later(third, folder_, TrainConfig(), here());
  EXPECT_EQ(later.run(request_for(32)).samples_per_s, measured.samples_per_s) << "in place of the older one";
}

TEST_F(TrialCacheTest, ForgetsWhatItStoredWhereTheMachineWasDisturbed) {
  SimulatedGpu first({});
  CachedRunner(first, folder_, TrainConfig(), here()).run(request_for(32));
  SimulatedGpu second({});
  CachedRunner disturbed(second, folder_, TrainConfig(), here());
  disturbed.run(request_for(32));
  disturbed.run(request_for(40));
  disturbed.forget();
  SimulatedGpu third({});
  CachedRunner after(third, folder_, TrainConfig(), here());
  after.run(request_for(32));
  after.run(request_for(40));
  EXPECT_EQ(after.reused(), 1) << "what an earlier run had measured stays";
}

TEST_F(TrialCacheTest, AnswersFromTheFolderInAnotherLife) {
  SimulatedGpu first({});
  CachedRunner before(first, folder_, TrainConfig(), here());
  const TrialResult measured = before.run(request_for(32));
  EXPECT_EQ(before.reused(), 0);

  SimulatedGpu second({}, 99);
  CachedRunner after(second, folder_, TrainConfig(), here());
  const TrialResult kept = after.run(request_for(32));
  EXPECT_EQ(kept.samples_per_s, measured.samples_per_s);
  EXPECT_TRUE(kept.reused);
  EXPECT_TRUE(second.asked().empty());
  EXPECT_FALSE(after.run(request_for(40)).reused);
  EXPECT_EQ(after.reused(), 1);
}

TEST_F(TrialCacheTest, KeepsRepeatsAsDifferentMeasurements) {
  SimulatedGpu first({});
  CachedRunner before(first, folder_, TrainConfig(), here());
  const double one = before.run(request_for(32)).samples_per_s.value();
  const double two = before.run(request_for(32)).samples_per_s.value();
  EXPECT_NE(one, two);

  SimulatedGpu second({}, 99);
  CachedRunner after(second, folder_, TrainConfig(), here());
  EXPECT_EQ(after.run(request_for(32)).samples_per_s, one);
  EXPECT_EQ(after.run(request_for(32)).samples_per_s, two);
  after.run(request_for(32));
  EXPECT_EQ(second.asked().size(), 1U);
}

TEST_F(TrialCacheTest, ReusesWhatRanOutOfMemoryAndNothingThatHungOrWasKilled) {
  SimulatedCard card;
  card.fails = {
      {8, TrialOutcome::oom}, {16, TrialOutcome::hang}, {24, TrialOutcome::killed}, {32, TrialOutcome::error}};
  for (int life = 0; life < 2; ++life) {
    SimulatedGpu gpu(card);
    CachedRunner runner(gpu, folder_, TrainConfig(), here());
    for (const std::int64_t batch : {8, 16, 24, 32}) runner.run(request_for(batch));
    EXPECT_EQ(gpu.asked().size(), life == 0 ? 4U : 3U);
    EXPECT_EQ(runner.reused(), life);
  }
}

TEST_F(TrialCacheTest, PassesOverFilesThatAreNotItsOwnAndSaysSo) {
  SimulatedGpu gpu({});
  CachedRunner(gpu, folder_, TrainConfig(), here()).run(request_for(32));
  const fs::path file = fs::directory_iterator(folder_)->path();
  for (const char* content :
       {"", "{", "[]", R"({"format":"something else"})", R"({"format":"wring trial","version":99})"}) {
    std::ofstream(file, std::ios::trunc) << content;
    SimulatedGpu again({});
    CachedRunner runner(again, folder_, TrainConfig(), here());
    EXPECT_EQ(runner.run(request_for(32)).outcome, TrialOutcome::ok) << content;
    EXPECT_EQ(again.asked().size(), 1U) << content;
    ASSERT_EQ(runner.notes().size(), 1U) << content;
    EXPECT_THAT(runner.notes().front().en, HasSubstr("ignored"));
  }
}

TEST_F(TrialCacheTest, AFifoInPlaceOfARecordIsPassedOverAndNotWaitedFor) {
  SimulatedGpu gpu({});
  CachedRunner(gpu, folder_, TrainConfig(), here()).run(request_for(32));
  const fs::path file = fs::directory_iterator(folder_)->path();
  fs::remove(file);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  SimulatedGpu again({});
  CachedRunner runner(again, folder_, TrainConfig(), here());
  EXPECT_EQ(runner.run(request_for(32)).outcome, TrialOutcome::ok);
  EXPECT_EQ(again.asked().size(), 1U);
  EXPECT_THAT(runner.notes().front().en, HasSubstr("ignored"));
}

TEST_F(TrialCacheTest, ProgramsWhoseNamesDifferInAByteThatIsNoUtf8AreDifferentOnes) {
  TrialPlace place = here();
  for (const char* program : {"train\xff.py", "train\xfe.py"}) {
    place.program = program;
    SimulatedGpu gpu({});
    CachedRunner(gpu, folder_, TrainConfig(), place).run(request_for(32));
    EXPECT_EQ(gpu.asked().size(), 1U) << "measured anew";
    SimulatedGpu again({});
    CachedRunner(again, folder_, TrainConfig(), place).run(request_for(32));
    EXPECT_EQ(again.asked().size(), 0U) << "found again";
  }
}

TEST_F(TrialCacheTest, IgnoresTheResultOfAnotherKeyWithTheSameHash) {
  SimulatedGpu gpu({});
  CachedRunner(gpu, folder_, TrainConfig(), here()).run(request_for(32));
  const fs::path file = fs::directory_iterator(folder_)->path();
  nlohmann::json record = nlohmann::json::parse(read_file(file));
  record["key"]["card"] = "another card";
  write_file_atomically(file, record.dump());
  SimulatedGpu again({});
  CachedRunner(again, folder_, TrainConfig(), here()).run(request_for(32));
  EXPECT_EQ(again.asked().size(), 1U);
}

TEST_F(TrialCacheTest, MeasuresOnWhereTheFolderCannotBeWrittenTo) {
  write_file_atomically(folder_, "a file where the folder should be");
  SimulatedGpu gpu({});
  CachedRunner runner(gpu, folder_, TrainConfig(), here());
  EXPECT_EQ(runner.run(request_for(32)).outcome, TrialOutcome::ok);
  EXPECT_EQ(runner.run(request_for(40)).outcome, TrialOutcome::ok);
  EXPECT_EQ(runner.notes().size(), 1U);
}

TEST_F(TrialCacheTest, LetsAKilledSearchGoOnWhereItStood) {
  SimulatedCard card;
  card.sample_ms = 0.3;
  BatchSearchOptions options;
  options.budget_s = 60;
  SimulatedGpu first(card);
  CachedRunner before(first, folder_, TrainConfig(), here());
  SearchControl control = first.control();
  control.cancelled = [&] { return first.asked().size() >= 5; };
  search_batch(before, options, control);

  SimulatedGpu second(card, 2);
  CachedRunner after(second, folder_, TrainConfig(), here());
  const BatchSearchResult result = search_batch(after, options, second.control());
  EXPECT_EQ(after.reused(), 5);
  EXPECT_TRUE(result.batch);
  EXPECT_TRUE(result.soaked);
}

TEST_F(TrialCacheTest, ARecordedSearchComesToTheSameEnd) {
  SimulatedCard card;
  card.sample_ms = 0.3;
  SimulatedGpu gpu(card);
  const BatchSearchResult live = search_batch(gpu, {}, gpu.control());
  nlohmann::json trials = nlohmann::json::array();
  for (const SearchTrial& trial : live.trials) {
    trials.push_back(
        {{"request", request_json(trial.request)}, {"result", result_json(trial.result, TrialForm::kept)}});
  }
  fs::create_directories(folder_);
  write_file_atomically(folder_ / "trace.json", nlohmann::json({{"trials", trials}}).dump());

  RecordedRunner recorded(folder_ / "trace.json");
  const BatchSearchResult replayed = search_batch(recorded, {}, recorded.control());
  EXPECT_EQ(replayed.batch, live.batch);
  EXPECT_EQ(replayed.trials.size(), live.trials.size());
  EXPECT_EQ(replayed.reason.en, live.reason.en);
}

}  // namespace
}  // namespace wring
