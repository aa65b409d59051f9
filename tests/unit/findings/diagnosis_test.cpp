#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/base/error.h"
#include "wring/config/reader.h"
#include "wring/findings/diagnosis_input.h"
#include "wring/findings/judge.h"

namespace wring {
namespace {

using testing::HasSubstr;
using testing::Not;

TrialResult rate_of(double samples_per_s, double step_ms = 10, double wait_ms = 0) {
  TrialResult result;
  result.samples_per_s = samples_per_s;
  result.step_ms = {step_ms, 0.1, step_ms * 1.05, 100};
  result.data_wait_ms = wait_ms;
  return result;
}

// A step of 10 ms on a card whose large products reach 700 TFLOP/s, and needs this share of it.
TrialArithmetic needs_percent(double share) {
  return {.tflop_per_step = 7 * share / 100, .matmul_tflops = 700, .precision = "bf16"};
}

KernelKindTime kind(KernelKind kind, double ms, double small_ms = 0) {
  return {.kind = kind, .ms = ms, .small_ms = small_ms, .calls = 10, .heaviest = "some_kernel"};
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
  input.resident->engine = "graph, fused";
  input.resident->arithmetic = needs_percent(67);
  input.resident->kernels = {kind(KernelKind::product, 8), kind(KernelKind::elementwise, 1.8)};
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

// As shipped high_performance.yaml on an H200: bf16, one graph, perceptual loss; 1194 samples/s at batch 64.
DiagnosisInput captured_but_not_fused() {
  DiagnosisInput input = well_tuned();
  input.config.use_perceptual = true;
  input.real = rate_of(1190, 53.8);
  input.resident = rate_of(1194, 53.6);
  input.resident->utilisation = {99, 86, 31, 45};
  input.resident->engine = "graph";
  input.resident->kernel_busy_percent = 97;
  input.resident->arithmetic = {.tflop_per_step = 15.8, .matmul_tflops = 702, .precision = "bf16"};
  input.resident->kernels = {kind(KernelKind::product, 31), kind(KernelKind::elementwise, 14.5),
                             kind(KernelKind::layout, 4.3), kind(KernelKind::update, 1),
                             kind(KernelKind::reduction, 0.9)};
  input.kernel_busy_percent = 97;
  input.graph = input.resident;
  input.eager = rate_of(790);
  input.loader = rate_of(9000);
  input.larger = rate_of(1210);
  return input;
}

std::string value_in(const Finding& diagnosis, const std::string& key) {
  for (const Assignment& one : diagnosis.fix) {
    if (one.key == key) return one.value;
  }
  return "";
}

const Finding* find(const std::vector<Finding>& all, std::string_view key) {
  const auto found = std::ranges::find(all, key, &Finding::key);
  return found == all.end() ? nullptr : &*found;
}

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

TEST(Diagnosis, DoesNotCallAStepGoodThatReachesALittleOfTheAttainableRate) {
  const auto found = diagnose(captured_but_not_fused());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().key, "slow_kernels");
  EXPECT_EQ(found.front().key, "slow_kernels");
  EXPECT_TRUE(found.front().fix.empty());
  const std::string& numbers = found.front().numbers.en;
  EXPECT_THAT(numbers, HasSubstr("a step needs 15.8 TFLOP in bf16, which take 22.5 ms at the 702 TFLOP/s"));
  EXPECT_THAT(numbers, HasSubstr("42 % of its 53.6 ms"));
  EXPECT_THAT(numbers,
              HasSubstr("convolutions and products 58 % (at 73 % of that rate), elementwise passes over memory "
                        "27 %, conversions of layout and type 8 %, the rest 4 %, no kernel 4 %"));
  EXPECT_THAT(numbers, HasSubstr("tensor activity 31 %"));
  EXPECT_THAT(found.front().next_step.en, HasSubstr("2.4 × is the bound"));
  EXPECT_THAT(found.front().next_step.en, HasSubstr("27 % of the step"));
  EXPECT_THAT(found.front().next_step.en, HasSubstr("the perceptual loss runs outside the fused step"));
  EXPECT_THAT(found.front().next_step.zh, HasSubstr("感知损失不在融合步之内"));
  EXPECT_GT(found.front().confidence, 0.7);
}

TEST(Diagnosis, TheLineBetweenAGoodStepAndASlowOneIsItsShareOfTheAttainableRate) {
  DiagnosisInput input = well_tuned();
  input.resident->arithmetic = needs_percent(kAttainedWell - 0.5);
  EXPECT_EQ(diagnose(input).front().key, "slow_kernels");
  EXPECT_NEAR(diagnose(input).front().confidence, 0.5, 0.02);
  input.resident->arithmetic = needs_percent(kAttainedWell + 0.5);
  EXPECT_EQ(diagnose(input).front().key, "compute_bound");
  EXPECT_NEAR(diagnose(input).front().confidence, 0.5, 0.02);
}

TEST(Diagnosis, ABusyCardProvesNothingWhereTheRateIsKnown) {
  DiagnosisInput input = well_tuned();
  input.resident->utilisation = {100, 99, 60, 30};
  input.resident->arithmetic = needs_percent(30);
  const auto found = diagnose(input);
  EXPECT_EQ(found.front().key, "slow_kernels");
  EXPECT_EQ(find(found, "compute_bound"), nullptr);
}

TEST(Diagnosis, WithoutTheRateTheMatrixUnitsDecide) {
  DiagnosisInput input = well_tuned();
  input.resident->arithmetic = {};
  EXPECT_EQ(diagnose(input).front().key, "compute_bound");
  input.resident->utilisation = {100, 92, 31, 35};
  EXPECT_EQ(diagnose(input).front().key, "slow_kernels");
  EXPECT_LT(diagnose(input).front().confidence, 0.7);
  input.resident->utilisation = {100, 79, 31, 35};
  EXPECT_TRUE(diagnose(input).empty()) << "neither full nor proven empty";
  input.resident->utilisation = {100, {}, {}, {}};
  EXPECT_TRUE(diagnose(input).empty()) << "GPU-Util alone";
}

TEST(Diagnosis, NamesProductsWhoseLaunchesDoNotFillTheCard) {
  DiagnosisInput input = well_tuned();
  input.resident->arithmetic = needs_percent(20);
  input.resident->kernels = {kind(KernelKind::product, 8, 6), kind(KernelKind::elementwise, 1.5)};
  EXPECT_THAT(diagnose(input).front().next_step.en, HasSubstr("too small to fill the card"));
  input.resident->kernels = {kind(KernelKind::product, 8, 3.9), kind(KernelKind::elementwise, 1.5)};
  EXPECT_THAT(diagnose(input).front().next_step.en, HasSubstr("tiles fit the layers badly"));
}

TEST(Diagnosis, NamesFp32PartsAndConversionsOfA16BitStep) {
  DiagnosisInput input = well_tuned();
  input.resident->arithmetic = needs_percent(20);
  input.resident->kernels = {kind(KernelKind::fp32_product, 6), kind(KernelKind::product, 3)};
  EXPECT_THAT(diagnose(input).front().next_step.en, HasSubstr("products in fp32 within a step of 16 bits"));
  EXPECT_THAT(diagnose(input).front().numbers.en, HasSubstr("convolutions and products in fp32 60 %"));
  input.config.channels_last = false;
  input.resident->kernels = {kind(KernelKind::layout, 6), kind(KernelKind::product, 3)};
  EXPECT_EQ(value_in(diagnose(input).front(), "channels_last"), "true");
}

TEST(Diagnosis, TheMeasuredCauseComesBeforeTheKernels) {
  DiagnosisInput input = captured_but_not_fused();
  input.larger = rate_of(1194 * 1.4);
  const auto found = diagnose(input);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].key, "too_small");
  EXPECT_EQ(found[1].key, "slow_kernels");
  EXPECT_THAT(found[1].next_step.en, HasSubstr("first what was measured to help: batch_size=128"));
}

TEST(Diagnosis, AChangeThatWasNotTriedIsNotCalledMeasured) {
  DiagnosisInput input = captured_but_not_fused();
  input.loader = rate_of(1000);
  input.real = rate_of(950, 67);
  const auto found = diagnose(input);
  EXPECT_EQ(found.front().key, "data_bound");
  const Finding* slow = find(found, "slow_kernels");
  ASSERT_NE(slow, nullptr);
  EXPECT_THAT(slow->next_step.en, HasSubstr("first the change of the other verdict: num_workers=12"));
  EXPECT_THAT(slow->next_step.en, Not(HasSubstr("measured to help")));
}

TEST(Diagnosis, AGraphOfFusedKernelsIsNoCureForLaunchesWhereKernelsFillTheStep) {
  DiagnosisInput input = captured_but_not_fused();
  input.config.compile_model = false;
  input.resident->engine = "eager";
  input.eager = input.resident;
  input.graph = rate_of(1194 * 1.5);
  const auto found = diagnose(input);
  EXPECT_EQ(find(found, "launch_bound"), nullptr);
  EXPECT_EQ(found.front().key, "slow_kernels");
  EXPECT_EQ(value_in(found.front(), "compile_model"), "true");
  EXPECT_THAT(found.front().numbers.en, HasSubstr("one graph a step makes 1791 samples/s"));

  input.resident->kernel_busy_percent = 60;  // the card waits between them
  EXPECT_EQ(diagnose(input).front().key, "launch_bound");
}

TEST(Diagnosis, IdleTimeBetweenKernelsIsNotBlamedOnThem) {
  DiagnosisInput input = captured_but_not_fused();
  input.resident->arithmetic.tflop_per_step = 0.4 * 53.6 * 702 / 1000;
  input.resident->kernel_busy_percent = 49;
  input.resident->kernels = {kind(KernelKind::product, 26)};
  EXPECT_EQ(find(diagnose(input), "slow_kernels"), nullptr);
  input.resident->kernel_busy_percent = 51;
  EXPECT_NE(find(diagnose(input), "slow_kernels"), nullptr);
}

TEST(Diagnosis, AGoodStepThatComputesTheTailAtLengthIsTold) {
  DiagnosisInput input = well_tuned();
  input.config.fold_tail = "off";
  EXPECT_EQ(diagnose(input).front().key, "compute_bound");
  EXPECT_EQ(value_in(diagnose(input).front(), "fold_tail"), "auto");
  EXPECT_THAT(diagnose(input).front().next_step.en, Not(HasSubstr("good")));
}

TEST(Diagnosis, OnACpuTheStepIsJudgedByItsRateAlone) {
  DiagnosisInput input;
  input.config.use_mixed_precision = false;
  input.real = rate_of(100);
  input.resident = rate_of(101);
  input.resident->arithmetic = {.tflop_per_step = 0.0007, .matmul_tflops = 0.1, .precision = "fp32"};
  EXPECT_EQ(diagnose(input).front().key, "compute_bound");
  EXPECT_TRUE(diagnose(input).front().fix.empty());
  EXPECT_THAT(diagnose(input).front().numbers.en, Not(HasSubstr("of the step:")));
  input.resident->arithmetic.tflop_per_step = 0.0003;
  EXPECT_EQ(diagnose(input).front().key, "slow_kernels");
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
