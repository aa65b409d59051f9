#include "wring/tune/diagnosis.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/config/reader.h"

namespace wring {
namespace {

using testing::HasSubstr;

TrialResult rate_of(double samples_per_s, double step_ms = 10, double wait_ms = 0) {
  TrialResult result;
  result.samples_per_s = samples_per_s;
  result.step_ms = {step_ms, 0.1, step_ms * 1.05, 100};
  result.data_wait_ms = wait_ms;
  return result;
}

// A card that computes: the loader is ahead, the graph is in use, the tensor cores are busy.
DiagnosisInput well_tuned() {
  DiagnosisInput input;
  input.config.use_mixed_precision = true;
  input.config.compile_model = true;
  input.config.num_workers = 8;
  input.config.batch_size = 64;
  input.real = rate_of(5000);
  input.resident = rate_of(5050);
  input.resident->utilisation = {98, 92, 61, 35};
  input.loader = rate_of(20000);
  input.eager = rate_of(4000);
  input.graph = rate_of(5050);
  input.larger = rate_of(5100);
  input.larger_batch = 128;
  input.kernel_busy_percent = 98;
  input.throttled_percent = 0;
  input.cpu_cores = 16;
  return input;
}

std::string value_in(const Diagnosis& diagnosis, const std::string& key) {
  for (const Assignment& one : diagnosis.fix) {
    if (one.key == key) return one.value;
  }
  return "";
}

const Diagnosis* find(const std::vector<Diagnosis>& all, Bottleneck cause) {
  const auto found = std::ranges::find(all, cause, &Diagnosis::cause);
  return found == all.end() ? nullptr : &*found;
}

TEST(Diagnosis, FindsNothingWrongWithAWellTunedRun) {
  const auto found = diagnose(well_tuned());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().cause, Bottleneck::compute_bound);
  EXPECT_EQ(found.front().key, "compute_bound");
  EXPECT_TRUE(found.front().fix.empty());
  EXPECT_THAT(found.front().numbers.en, HasSubstr("tensor activity 61 %"));
  EXPECT_GT(found.front().confidence, 0.8);
}

TEST(Diagnosis, NamesALoaderWithoutWorkers) {
  DiagnosisInput input = well_tuned();
  input.config.num_workers = 0;
  input.config.data_cache = "none";
  input.loader = rate_of(900);
  input.real = rate_of(850, 75, 62);
  const auto found = diagnose(input);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.front().cause, Bottleneck::data_bound);
  EXPECT_THAT(found.front().numbers.en, HasSubstr("loader alone 900, step alone 5050, together 850 samples/s"));
  EXPECT_THAT(found.front().numbers.zh, HasSubstr("仅加载 900"));
  EXPECT_EQ(value_in(found.front(), "data_cache"), "auto");
  EXPECT_EQ(value_in(found.front(), "num_workers"), "8");  // 5050/900 of one, and a quarter more
  EXPECT_GT(found.front().confidence, 0.9);
}

TEST(Diagnosis, AsksForNoMoreWorkersThanThereAreCoresOrMemory) {
  DiagnosisInput input = well_tuned();
  input.config.num_workers = 4;
  input.loader = rate_of(900);
  input.real = rate_of(850, 75, 62);
  input.cpu_cores = 6;
  EXPECT_EQ(value_in(diagnose(input).front(), "num_workers"), "6");
  input.cpu_cores = 4;
  EXPECT_TRUE(diagnose(input).front().fix.empty());
  EXPECT_THAT(diagnose(input).front().next_step.en, HasSubstr("all cores decode already"));
  input.cpu_cores = 16;
  input.sample_bytes = 1e6;
  input.host_available_bytes = 1000000000;
  EXPECT_EQ(value_in(diagnose(input).front(), "num_workers"), "");
}

TEST(Diagnosis, NamesTheLoaderByTheStepsWaitWhereItsOwnRateIsUnknown) {
  DiagnosisInput input = well_tuned();
  input.loader.reset();
  input.real = rate_of(4000, 16, 4);
  const auto found = diagnose(input);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.front().cause, Bottleneck::data_bound);
  EXPECT_LE(found.front().confidence, 0.8);
}

TEST(Diagnosis, NamesASlowPathBetweenAFastLoaderAndAFastStep) {
  DiagnosisInput input = well_tuned();
  input.config.pin_memory = false;
  input.real = rate_of(3000, 21, 0.5);
  const auto found = diagnose(input);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.front().cause, Bottleneck::transfer_bound);
  EXPECT_EQ(value_in(found.front(), "pin_memory"), "true");
}

TEST(Diagnosis, NamesTheLaunchesOfATinyModel) {
  DiagnosisInput input = well_tuned();
  input.config.compile_model = false;
  input.eager = rate_of(5050);
  input.graph = rate_of(12000);
  input.kernel_busy_percent = 38;
  input.resident->utilisation = {60, 15, 5, 5};
  const auto found = diagnose(input);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.front().cause, Bottleneck::launch_bound);
  EXPECT_EQ(value_in(found.front(), "compile_model"), "true");
  EXPECT_THAT(found.front().numbers.en, HasSubstr("kernels run 38 % of the step"));
}

TEST(Diagnosis, DoesNotRecommendTheGraphThatIsInUse) {
  DiagnosisInput input = well_tuned();
  EXPECT_EQ(find(diagnose(input), Bottleneck::launch_bound), nullptr);
  input.config.compile_model.reset();
  input.eager = rate_of(5050);
  input.graph = rate_of(12000);
  EXPECT_EQ(find(diagnose(input), Bottleneck::launch_bound), nullptr) << "not given, it is the fastest engine";
}

TEST(Diagnosis, NamesABatchOfOne) {
  DiagnosisInput input = well_tuned();
  input.config.batch_size = 1;
  input.real = rate_of(300);
  input.resident = rate_of(302);
  input.resident->utilisation = {90, 10, 4, 3};
  input.larger = rate_of(590);
  input.larger_batch = 2;
  const auto found = diagnose(input);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.front().cause, Bottleneck::too_small);
  EXPECT_EQ(value_in(found.front(), "batch_size"), "2");
}

TEST(Diagnosis, SuggestsNoBatchThatFillsTheMemory) {
  DiagnosisInput input = well_tuned();
  input.larger = rate_of(8000);
  input.larger->memory.peak_reserved_mib = 23000;
  input.larger->memory.device_free_mib = 1000;
  const auto all = diagnose(input);
  const Diagnosis* found = find(all, Bottleneck::too_small);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(value_in(*found, "batch_size"), "");
}

TEST(Diagnosis, ProposesTheMatrixUnitsToAStepInFp32) {
  DiagnosisInput input = well_tuned();
  input.config.use_mixed_precision = false;
  input.resident->utilisation = {99, 95, 0, 30};
  const auto found = diagnose(input);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.front().cause, Bottleneck::compute_bound);
  EXPECT_EQ(value_in(found.front(), "use_mixed_precision"), "true");
  EXPECT_THAT(found.front().next_step.en, HasSubstr("matrix units are idle"));
}

TEST(Diagnosis, NamesThe32BitArithmeticWhere16BitsWereMeasuredToBeFaster) {
  DiagnosisInput input = well_tuned();
  input.config.use_mixed_precision = false;
  input.resident->utilisation = {99, 70, 30, 30};
  input.mixed = rate_of(10100);
  const auto found = diagnose(input);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.front().cause, Bottleneck::precision_bound);
  EXPECT_EQ(value_in(found.front(), "use_mixed_precision"), "true");
  EXPECT_THAT(found.front().numbers.en, HasSubstr("100 % more"));

  input.mixed = rate_of(5400);
  EXPECT_EQ(find(diagnose(input), Bottleneck::precision_bound), nullptr);
}

TEST(Diagnosis, NamesTheMemoryBandwidth) {
  DiagnosisInput input = well_tuned();
  input.config.channels_last = false;
  input.resident->utilisation = {99, 90, 20, 82};
  const auto found = diagnose(input);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.front().cause, Bottleneck::memory_bandwidth_bound);
  EXPECT_EQ(value_in(found.front(), "channels_last"), "true");
  EXPECT_EQ(find(found, Bottleneck::compute_bound), nullptr);
}

TEST(Diagnosis, TakesHeatMoreSeriouslyThanAPowerCap) {
  DiagnosisInput input = well_tuned();
  input.throttled_percent = 60;
  input.throttled_by_heat = true;
  EXPECT_EQ(diagnose(input).front().cause, Bottleneck::throttled);
  input.throttled_by_heat = false;
  const auto by_power = diagnose(input);
  EXPECT_EQ(by_power.front().cause, Bottleneck::compute_bound);
  EXPECT_NE(find(by_power, Bottleneck::throttled), nullptr);
  input.throttled_percent = 10;
  EXPECT_EQ(find(diagnose(input), Bottleneck::throttled), nullptr);
}

TEST(Diagnosis, IsSilentWithoutEvidence) {
  DiagnosisInput input;
  input.real = rate_of(1000);
  EXPECT_TRUE(diagnose(input).empty());
  input = well_tuned();
  input.real.outcome = TrialOutcome::oom;
  EXPECT_TRUE(diagnose(input).empty());
}

TEST(Diagnosis, EveryVerdictSaysWhyInBothLanguagesAndFixesOnlyWhatTheConfigHas) {
  DiagnosisInput input = well_tuned();
  input.config = TrainConfig();
  input.config.channels_last = false;
  input.config.data_cache = "none";
  input.loader = rate_of(900);
  input.real = rate_of(850, 75, 62);
  input.graph = rate_of(9000);
  input.larger = rate_of(9000);
  input.throttled_percent = 90;
  input.resident->utilisation = {99, 90, 20, 82};
  const auto found = diagnose(input);
  EXPECT_GE(found.size(), 5U);
  for (const Diagnosis& one : found) {
    for (const Text* text : {&one.headline, &one.numbers, &one.rule, &one.next_step}) {
      EXPECT_FALSE(text->en.empty()) << one.key;
      EXPECT_FALSE(text->zh.empty()) << one.key;
    }
    EXPECT_GE(one.confidence, 0.5);
    EXPECT_LE(one.confidence, 1);
    TrainConfig config;
    for (const Assignment& fix : one.fix) EXPECT_NO_THROW(set_value(config, fix.key + "=" + fix.value));
  }
}

TEST(Diagnosis, HasARowForEveryCause) {
  const auto rows = bottleneck_rows();
  ASSERT_EQ(rows.size(), 8U);
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(static_cast<std::size_t>(rows[i].cause), i);
}

}  // namespace
}  // namespace wring
