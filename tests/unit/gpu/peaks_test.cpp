#include "wring/gpu/peaks.h"

#include <gtest/gtest.h>

namespace wring {
namespace {

TEST(PeakFlops, AreFoundByTheDriversNames) {
  EXPECT_DOUBLE_EQ(*peak_flops("NVIDIA H200")->bf16_tflops, 989.4);
  EXPECT_DOUBLE_EQ(*peak_flops("NVIDIA H100 80GB HBM3")->bf16_tflops, 989.4);
  EXPECT_DOUBLE_EQ(*peak_flops("NVIDIA H100 PCIe")->bf16_tflops, 756.5);
  EXPECT_DOUBLE_EQ(*peak_flops("NVIDIA A100-SXM4-80GB")->bf16_tflops, 312);
  EXPECT_DOUBLE_EQ(*peak_flops("NVIDIA A100 80GB PCIe")->tf32_tflops, 156);
  EXPECT_DOUBLE_EQ(*peak_flops("NVIDIA A100-PCIE-40GB")->bf16_tflops, 312);
  EXPECT_DOUBLE_EQ(*peak_flops("NVIDIA GeForce RTX 4090")->fp16_tflops, 165.2);
}

TEST(PeakFlops, CardsBeforeAmpereHaveNoBf16) {
  const auto t4 = peak_flops("Tesla T4");
  ASSERT_TRUE(t4);
  EXPECT_FALSE(t4->bf16_tflops);
  EXPECT_FALSE(t4->tf32_tflops);
  EXPECT_DOUBLE_EQ(*t4->fp16_tflops, 65);
  EXPECT_DOUBLE_EQ(*peak_flops("Tesla V100-SXM2-16GB")->fp16_tflops, 125);
}

TEST(PeakFlops, ASlowerRelativeIsNotTakenForTheCard) {
  for (const char* name :
       {"NVIDIA GeForce RTX 4090 D", "NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA GeForce RTX 4070 SUPER",
        "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "NVIDIA A10G", "AMD Instinct MI300X", ""}) {
    EXPECT_FALSE(peak_flops(name)) << name;
  }
}

// As the sheets print them: dense, in TFLOP/s.
TEST(PeakFlops, AreThoseOfTheDatasheets) {
  struct Sheet {
    const char* card;
    double bf16, tf32, fp32;
  };
  for (const Sheet& sheet : {Sheet{"NVIDIA B200", 2250, 1125, 75},
                             {"NVIDIA H200", 989.4, 494.7, 66.9},
                             {"NVIDIA H200 NVL", 835.5, 417.5, 60},
                             {"NVIDIA H100 80GB HBM3", 989.4, 494.7, 66.9},
                             {"NVIDIA H100 PCIe", 756.5, 378, 51.2},
                             {"NVIDIA H100 NVL", 835.5, 417.5, 60},
                             {"NVIDIA H20", 148, 74, 44},
                             {"NVIDIA A100-SXM4-40GB", 312, 156, 19.5},
                             {"NVIDIA A100-PCIE-40GB", 312, 156, 19.5},
                             {"NVIDIA A30", 165, 82, 10.3},
                             {"NVIDIA A10", 125, 62.5, 31.2},
                             {"NVIDIA A40", 149.7, 74.8, 37.4},
                             {"NVIDIA RTX A6000", 154.8, 77.4, 38.7},
                             {"NVIDIA L40S", 362, 183, 91.6},
                             {"NVIDIA L40", 181, 90.5, 90.5},
                             {"NVIDIA L4", 121, 60, 30.3},
                             {"NVIDIA GeForce RTX 5090", 209.5, 104.8, 104.8},
                             {"NVIDIA GeForce RTX 5080", 112.6, 56.3, 56.3},
                             {"NVIDIA GeForce RTX 4090", 165.2, 82.6, 82.6},
                             {"NVIDIA GeForce RTX 4080", 97.5, 48.7, 48.7},
                             {"NVIDIA GeForce RTX 4070 Ti", 80.2, 40.1, 40.1},
                             {"NVIDIA GeForce RTX 4070", 58.3, 29.1, 29.1},
                             {"NVIDIA GeForce RTX 3090 Ti", 80, 40, 40},
                             {"NVIDIA GeForce RTX 3090", 71, 35.6, 35.6},
                             {"NVIDIA GeForce RTX 3080", 59.5, 29.8, 29.8},
                             {"NVIDIA GeForce RTX 3070", 40.6, 20.3, 20.3}}) {
    const auto peak = peak_flops(sheet.card);
    ASSERT_TRUE(peak) << sheet.card;
    EXPECT_EQ(peak->bf16_tflops, sheet.bf16) << sheet.card;
    EXPECT_EQ(peak->fp16_tflops, sheet.bf16) << sheet.card;
    EXPECT_EQ(peak->tf32_tflops, sheet.tf32) << sheet.card;
    EXPECT_EQ(peak->fp32_tflops, sheet.fp32) << sheet.card;
  }
  EXPECT_EQ(peak_flops("Tesla V100-PCIE-16GB")->fp16_tflops, 112);
  EXPECT_EQ(peak_flops("Tesla V100-PCIE-16GB")->fp32_tflops, 14);
  EXPECT_EQ(peak_flops("Tesla V100-SXM2-32GB")->fp32_tflops, 15.7);
  EXPECT_EQ(peak_flops("Tesla T4")->fp32_tflops, 8.1);
}

TEST(PeakFlops, EveryRowNamesItsSource) {
  for (const char* name : {"NVIDIA H200", "NVIDIA L40S", "Tesla T4", "NVIDIA GeForce RTX 3090"}) {
    EXPECT_FALSE(peak_flops(name)->source.empty()) << name;
  }
}

}  // namespace
}  // namespace wring
