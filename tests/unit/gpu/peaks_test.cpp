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

TEST(PeakFlops, EveryRowNamesItsSource) {
  for (const char* name : {"NVIDIA H200", "NVIDIA L40S", "Tesla T4", "NVIDIA GeForce RTX 3090"}) {
    EXPECT_FALSE(peak_flops(name)->source.empty()) << name;
  }
}

}  // namespace
}  // namespace wring
