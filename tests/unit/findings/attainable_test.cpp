#include "wring/findings/attainable.h"

#include <gtest/gtest.h>

namespace wring {
namespace {

KernelKindTime kind(KernelKind kind, double ms) {
  return {.kind = kind, .ms = ms, .calls = 1, .heaviest = "some_kernel"};
}

TrialResult step() {
  TrialResult result;
  result.samples_per_s = 1194;
  result.step_ms.median = 50;
  result.arithmetic = {.tflop_per_step = 14, .matmul_tflops = 700, .precision = "bf16"};
  result.kernels = {kind(KernelKind::product, 25), kind(KernelKind::elementwise, 15)};
  return result;
}

TEST(Attainable, IsTheTimeOfTheProductsAtTheMeasuredRateBesideTheStep) {
  const auto found = attainable(step());
  ASSERT_TRUE(found);
  EXPECT_DOUBLE_EQ(found->needed_ms, 20);
  EXPECT_DOUBLE_EQ(found->share_percent, 40);
  EXPECT_DOUBLE_EQ(found->reach, 2.5);
}

TEST(Attainable, IsAbsentWithoutTheOperationsOrTheRateOrAStep) {
  TrialResult result = step();
  result.arithmetic.matmul_tflops.reset();
  EXPECT_FALSE(attainable(result));
  result = step();
  result.arithmetic.tflop_per_step.reset();
  EXPECT_FALSE(attainable(result));
  result = step();
  result.outcome = TrialOutcome::oom;
  EXPECT_FALSE(attainable(result));
  result = step();
  result.arithmetic.matmul_tflops = 0;
  EXPECT_FALSE(attainable(result));
}

TEST(Attainable, SharesOfKindsAreOfTheStepAndNeverMoreThanAllOfIt) {
  TrialResult result = step();
  EXPECT_DOUBLE_EQ(kind_percent(result, KernelKind::product), 50);
  EXPECT_DOUBLE_EQ(kind_percent(result, KernelKind::layout), 0);
  result.kernels[0].ms = 45;  // under the profiler the step takes 60 ms
  EXPECT_DOUBLE_EQ(kind_percent(result, KernelKind::product), 75);
  EXPECT_DOUBLE_EQ(kind_percent(result, KernelKind::elementwise), 25);
}

TEST(Attainable, TheProductsRateCountsAllOfThem) {
  TrialResult result = step();
  EXPECT_DOUBLE_EQ(product_rate_percent(result).value_or(0), 80);
  result.kernels.push_back(kind(KernelKind::fp32_product, 15));
  EXPECT_DOUBLE_EQ(product_rate_percent(result).value_or(0), 50);
  result.kernels.clear();
  EXPECT_FALSE(product_rate_percent(result));
}

}  // namespace
}  // namespace wring
