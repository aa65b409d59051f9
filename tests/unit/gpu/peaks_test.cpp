#include "wring/gpu/peaks.h"

#include <gtest/gtest.h>

namespace wring {
namespace {

TEST(PeakRates, TellTheFormsOfOneCardApart) {
  EXPECT_DOUBLE_EQ(peak_rates("NVIDIA H100 80GB HBM3")->bf16_tflops, 989.4);
  EXPECT_DOUBLE_EQ(peak_rates("NVIDIA H100 PCIe")->bf16_tflops, 756);
  EXPECT_DOUBLE_EQ(peak_rates("NVIDIA H200")->bf16_tflops, 989.4);
  EXPECT_DOUBLE_EQ(peak_rates("NVIDIA H200 NVL")->bf16_tflops, 835.5);
  EXPECT_DOUBLE_EQ(peak_rates("NVIDIA A100-SXM4-80GB")->tf32_tflops, 156);
}

TEST(PeakRates, NeverTakeALongerNumberForAShorterOne) {
  EXPECT_DOUBLE_EQ(peak_rates("NVIDIA L4")->fp32_tflops, 30.3);
  EXPECT_DOUBLE_EQ(peak_rates("NVIDIA L40")->fp32_tflops, 90.5);
  EXPECT_DOUBLE_EQ(peak_rates("NVIDIA L40S")->fp32_tflops, 91.6);
  EXPECT_DOUBLE_EQ(peak_rates("NVIDIA A10")->bf16_tflops, 125);
}

TEST(PeakRates, AreUnknownForCardsThatTheTableDoesNotHave) {
  EXPECT_FALSE(peak_rates("NVIDIA GeForce RTX 4090 Laptop GPU"));
  EXPECT_FALSE(peak_rates("NVIDIA GeForce RTX 4080 SUPER"));
  EXPECT_FALSE(peak_rates("NVIDIA GeForce GT 710"));
  EXPECT_FALSE(peak_rates(""));
}

TEST(PeakRates, SayWhereAUnitIsMissing) {
  const auto volta = peak_rates("Tesla V100-SXM2-16GB");
  ASSERT_TRUE(volta);
  EXPECT_EQ(volta->bf16_tflops, 0);
  EXPECT_DOUBLE_EQ(volta->fp16_tflops, 125);
}

TEST(PeakRates, TellTiFromPlain) {
  EXPECT_DOUBLE_EQ(peak_rates("NVIDIA GeForce RTX 4070")->bf16_tflops, 58.3);
  EXPECT_DOUBLE_EQ(peak_rates("NVIDIA GeForce RTX 4070 Ti")->bf16_tflops, 80.2);
}

}  // namespace
}  // namespace wring
