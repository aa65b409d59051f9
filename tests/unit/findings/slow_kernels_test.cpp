// What is said of a step's kernels, by the share of the attainable rate.
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

}  // namespace
}  // namespace wring
