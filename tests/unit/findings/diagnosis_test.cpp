// Planted rates: each gets its diagnosis, and what was not measured is not said.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/findings/planted_runs.h"
#include "wring/base/error.h"
#include "wring/config/reader.h"
#include "wring/findings/diagnosis_input.h"
#include "wring/findings/judge.h"

namespace wring {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Diagnosis, FindsNothingWrongWithAWellTunedRun) {
  const auto found = diagnose(well_tuned());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().key, "compute_bound");
  EXPECT_EQ(found.front().key, "compute_bound");
  EXPECT_TRUE(found.front().fix.empty());
  EXPECT_THAT(found.front().numbers.en, HasSubstr("67 % of its 10 ms"));
  EXPECT_THAT(found.front().numbers.en, HasSubstr("tensor activity 61 %"));
  EXPECT_THAT(found.front().next_step.en, HasSubstr("good: 67 % of the attainable rate, 1.5 × is the bound"));
  EXPECT_THAT(found.front().next_step.zh, HasSubstr("67%"));
  EXPECT_GT(found.front().confidence, 0.75);
}

TEST(Diagnosis, NamesALoaderWithoutWorkers) {
  DiagnosisInput input = well_tuned();
  input.config.num_workers = 0;
  input.config.data_cache = "none";
  input.loader = rate_of(900);
  input.real = rate_of(850, 75, 62);
  const auto found = diagnose(input);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.front().key, "data_bound");
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
  EXPECT_EQ(found.front().key, "data_bound");
  EXPECT_LE(found.front().confidence, 0.8);
}

TEST(Diagnosis, NamesASlowPathBetweenAFastLoaderAndAFastStep) {
  DiagnosisInput input = well_tuned();
  input.config.pin_memory = false;
  input.real = rate_of(3000, 21, 0.5);
  const auto found = diagnose(input);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.front().key, "transfer_bound");
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
  EXPECT_EQ(found.front().key, "launch_bound");
  EXPECT_EQ(value_in(found.front(), "compile_model"), "true");
  EXPECT_THAT(found.front().numbers.en, HasSubstr("kernels run 38 % of the step"));
}

TEST(Diagnosis, DoesNotRecommendTheGraphThatIsInUse) {
  DiagnosisInput input = well_tuned();
  EXPECT_EQ(find(diagnose(input), "launch_bound"), nullptr);
  input.config.compile_model.reset();
  input.eager = rate_of(5050);
  input.graph = rate_of(12000);
  EXPECT_EQ(find(diagnose(input), "launch_bound"), nullptr) << "not given, it is the fastest engine";
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
  EXPECT_EQ(found.front().key, "too_small");
  EXPECT_EQ(value_in(found.front(), "batch_size"), "2");
}

TEST(Diagnosis, SuggestsNoBatchThatFillsTheMemory) {
  DiagnosisInput input = well_tuned();
  input.larger = rate_of(8000);
  input.larger->memory.peak_reserved_mib = 23000;
  input.larger->memory.device_free_mib = 1000;
  const auto all = diagnose(input);
  const Finding* found = find(all, "too_small");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(value_in(*found, "batch_size"), "");
}

TEST(Diagnosis, ProposesTheMatrixUnitsToAStepInFp32) {
  DiagnosisInput input = well_tuned();
  input.config.use_mixed_precision = false;
  input.resident->utilisation = {99, 95, 0, 30};
  input.resident->arithmetic = {};
  const auto found = diagnose(input);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.front().key, "slow_kernels");
  EXPECT_EQ(value_in(found.front(), "use_mixed_precision"), "true");
}

TEST(Diagnosis, NamesThe32BitArithmeticWhere16BitsWereMeasuredToBeFaster) {
  DiagnosisInput input = well_tuned();
  input.config.use_mixed_precision = false;
  input.resident->utilisation = {99, 70, 30, 30};
  input.mixed = rate_of(10100);
  const auto found = diagnose(input);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.front().key, "precision_bound");
  EXPECT_EQ(value_in(found.front(), "use_mixed_precision"), "true");
  EXPECT_THAT(found.front().numbers.en, HasSubstr("100 % more"));

  input.mixed = rate_of(5400);
  EXPECT_EQ(find(diagnose(input), "precision_bound"), nullptr);
}

TEST(Diagnosis, NamesTheMemoryBandwidth) {
  DiagnosisInput input = well_tuned();
  input.config.channels_last = false;
  input.resident->utilisation = {99, 90, 20, 82};
  input.resident->arithmetic = needs_percent(20);
  const auto found = diagnose(input);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.front().key, "memory_bandwidth_bound");
  EXPECT_EQ(value_in(found.front(), "channels_last"), "true");
  EXPECT_THAT(found.front().numbers.en, HasSubstr("20 % of its 10 ms"));
  EXPECT_EQ(find(found, "compute_bound"), nullptr);
  EXPECT_EQ(find(found, "slow_kernels"), nullptr);

  input.resident->arithmetic = needs_percent(60);
  EXPECT_EQ(find(diagnose(input), "memory_bandwidth_bound"), nullptr) << "it computes near the rate";
}

TEST(Diagnosis, TakesHeatMoreSeriouslyThanAPowerCap) {
  DiagnosisInput input = well_tuned();
  input.throttled_percent = 60;
  input.throttled_by_heat = true;
  EXPECT_EQ(diagnose(input).front().key, "throttled");
  input.throttled_by_heat = false;
  const auto by_power = diagnose(input);
  EXPECT_EQ(by_power.front().key, "compute_bound");
  EXPECT_NE(find(by_power, "throttled"), nullptr);
  input.throttled_percent = 10;
  EXPECT_EQ(find(diagnose(input), "throttled"), nullptr);
}

TEST(Diagnosis, IsSilentWithoutEvidence) {
  DiagnosisInput input;
  input.real = rate_of(1000);
  EXPECT_TRUE(diagnose(input).empty());
  input = well_tuned();
  input.real.outcome = TrialOutcome::oom;
  EXPECT_TRUE(diagnose(input).empty());
}

TEST(Diagnosis, SlowKernelsAndGoodOnesSpeakChinese) {
  for (const DiagnosisInput& input : {well_tuned(), captured_but_not_fused()}) {
    const Finding found = diagnose(input).front();
    for (const Text* text : {&found.headline, &found.numbers, &found.rule, &found.next_step}) {
      EXPECT_NE(text->en, text->zh);
      EXPECT_THAT(text->zh, Not(HasSubstr("the ")));
    }
    EXPECT_THAT(found.numbers.zh, HasSubstr("卷积与矩阵乘"));
  }
}

TEST(Diagnosis, EveryVerdictSaysWhyInBothLanguagesAndFixesOnlyWhatTheConfigHas) {
  DiagnosisInput input = well_tuned();
  input.config = TrainConfig();
  input.config.compile_model = false;
  input.config.channels_last = false;
  input.config.data_cache = "none";
  input.loader = rate_of(900);
  input.real = rate_of(850, 75, 62);
  input.graph = rate_of(9000);
  input.larger = rate_of(9000);
  input.throttled_percent = 90;
  input.resident->utilisation = {99, 90, 20, 82};
  input.resident->arithmetic = {};
  const auto found = diagnose(input);
  EXPECT_GE(found.size(), 5U);
  for (const Finding& one : found) {
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

TEST(Diagnosis, ARuleThatIsDisabledFindsNothingAndEachIsNamedByItsKey) {
  for (const DiagnosisInput& input : {well_tuned(), captured_but_not_fused()}) {
    const std::string key(diagnose(input).front().key);
    EXPECT_THAT(diagnosis_rules(), testing::Contains(key));
    EXPECT_EQ(find(diagnose(input, std::vector<std::string>{key}), key), nullptr) << key;
  }
  EXPECT_THROW(diagnose(well_tuned(), std::vector<std::string>{"slow"}), Error);
}

}  // namespace
}  // namespace wring
