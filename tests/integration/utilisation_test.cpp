#include "wring_train/train/utilisation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wring {
namespace {
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

TrainConfig small_config() {
  TrainConfig config;
  config.base_channels = 32;
  config.num_blocks = 4;
  config.patch_size = 128;
  return config;
}

GpuSummary summary_with(Metric metric, double mean) {
  GpuSummary summary;
  MetricSummary value;
  value.mean = mean;
  value.p50 = mean;
  summary.metrics[static_cast<std::size_t>(metric)] = value;
  return summary;
}

TEST(ArithmeticFacts, MfuIsWhatRunsOverTheDataSheet) {
  const ArithmeticFacts facts = arithmetic_facts(small_config(), at::kBFloat16, true, "NVIDIA H200");
  EXPECT_EQ(facts.precision, "bf16");
  ASSERT_EQ(facts.peak_tflops, 989.4);
  // As many samples a second as the card's peak allows are 100 %.
  EXPECT_NEAR(*mfu_percent(facts, 989.4e12 / facts.flops_per_sample), 100, 1e-9);
}

TEST(ArithmeticFacts, CountTheFoldedTailWhenItRuns) {
  EXPECT_LT(arithmetic_facts(small_config(), at::kBFloat16, true, "").flops_per_sample,
            arithmetic_facts(small_config(), at::kBFloat16, false, "").flops_per_sample);
}

TEST(ArithmeticFacts, CountThePerceptualLoss) {
  TrainConfig with = small_config();
  with.use_perceptual = true;
  EXPECT_GT(arithmetic_facts(with, at::kBFloat16, true, "").flops_per_sample,
            2 * arithmetic_facts(small_config(), at::kBFloat16, true, "").flops_per_sample);
}

TEST(ArithmeticFacts, Fp32OnAGpuIsMeasuredAgainstTf32) {
  EXPECT_EQ(arithmetic_facts(small_config(), std::nullopt, true, "NVIDIA H200").peak_tflops, 494.7);
  EXPECT_EQ(arithmetic_facts(small_config(), std::nullopt, true, "Tesla T4").peak_tflops, 8.1);
}

TEST(ArithmeticFacts, AnUnknownCardHasNoMfu) {
  const ArithmeticFacts facts = arithmetic_facts(small_config(), at::kBFloat16, true, "Some card");
  EXPECT_FALSE(mfu_percent(facts, 1000));
  EXPECT_THAT(utilisation_lines(std::nullopt, facts, 1000, std::nullopt).at(0).en, Not(HasSubstr("MFU")));
}

TEST(UtilisationLines, GiveBothCeilings) {
  ArithmeticFacts facts{1e9, "bf16", 1000};
  const auto lines = utilisation_lines(summary_with(Metric::gpu_util, 98.25), facts, 100'000, 800);
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0].en, "the GPU over the run: GPU-Util 98.2% (p50 98%)");
  EXPECT_EQ(
      lines[1].en,
      "arithmetic: 100 TFLOP/s in bf16; MFU 10.0% of the card's 1000 TFLOP/s; 12.5% of the 800 TFLOP/s that matrix "
      "products reach here");
}

TEST(UtilisationLines, SayNothingOfWhatWasNotMeasured) {
  EXPECT_THAT(utilisation_lines(GpuSummary{}, ArithmeticFacts{}, 0, std::nullopt), IsEmpty());
}

}  // namespace
}  // namespace wring
