// The arithmetic of operators, against counts by hand.
#include "wring/trace/operator_flops.h"

#include <gtest/gtest.h>

namespace wring {
namespace {

using Dims = std::vector<std::vector<std::int64_t>>;
using Values = std::vector<std::string>;

double flops(std::string_view name, Dims dims, Values values = {}) {
  return operator_flops(name, {std::move(dims), std::move(values)}).value_or(0);
}

TEST(OperatorFlops, AProductTakesTwoForEachOfItsMultiplications) {
  EXPECT_EQ(flops("aten::mm", {{3, 4}, {4, 5}}), 2 * 3 * 4 * 5);
  EXPECT_EQ(flops("aten::addmm", {{5}, {3, 4}, {4, 5}, {}, {}}), 2 * 3 * 4 * 5);
  EXPECT_EQ(flops("aten::bmm", {{7, 3, 4}, {7, 4, 5}}), 7 * 2 * 3 * 4 * 5);
  EXPECT_EQ(flops("aten::baddbmm", {{7, 3, 5}, {7, 3, 4}, {7, 4, 5}, {}, {}}), 7 * 2 * 3 * 4 * 5);
}

TEST(OperatorFlops, AConvolutionTakesItsWeightAtEachPlaceOfItsOutput) {
  // The first one of a ResNet: 118 million multiplications an image, as its authors' table has it.
  const double stem = flops("aten::cudnn_convolution", {{2, 3, 224, 224}, {64, 3, 7, 7}, {}, {}, {}, {}, {}, {}, {}},
                            {"", "", "[3, 3]", "[2, 2]", "[1, 1]", "1", "False", "False", "True"});
  EXPECT_EQ(stem, 2.0 * 2 * 64 * 112 * 112 * 3 * 7 * 7);
  const double grouped = flops("aten::cudnn_convolution", {{1, 8, 10, 10}, {8, 2, 3, 3}},
                               {"", "", "[0]", "[1]", "[2]", "4", "False", "False", "True"});
  EXPECT_EQ(grouped, 2.0 * 8 * 6 * 6 * 2 * 3 * 3);  // dilated: 5 places wide
}

TEST(OperatorFlops, ABackwardPassTakesTheSameForEachGradientThatItMakes) {
  const auto backward = [](const char* transposed, const char* mask) {
    return flops("aten::convolution_backward", {{2, 64, 112, 112}, {2, 3, 224, 224}, {64, 3, 7, 7}},
                 {"", "", "", "[0]", "[2, 2]", "[3, 3]", "[1, 1]", transposed, "[0, 0]", "1", mask});
  };
  const double one = 2.0 * 2 * 64 * 112 * 112 * 3 * 7 * 7;
  EXPECT_EQ(backward("False", "[False, True, False]"), one);
  EXPECT_EQ(backward("False", "[True, True, True]"), 2 * one);  // a bias is no product
  EXPECT_EQ(backward("True", "[False, True, False]"), 4 * one);
}

TEST(OperatorFlops, AttentionHasTwoProductsAndFiveBackward) {
  const double pair = 2.0 * 16 * 4 * 512 * 512 * 64;
  const std::vector<std::int64_t> inner = {16, 4, 512, 64}, outer = {16, 512, 4, 64};
  EXPECT_EQ(flops("aten::_cudnn_attention_forward", {inner, inner, inner, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}},
                  {"", "", "", "", "", "", "512", "512", "True", "0.1", "False", "False", "0.07"}),
            2 * pair);
  EXPECT_EQ(flops("aten::_flash_attention_forward", {outer, outer, outer, {}, {}, {}, {}, {}, {}, {}},
                  {"", "", "", "", "", "512", "512", "0.", "False", "False", "0.07", "", ""}),
            2 * pair);
  EXPECT_EQ(flops("aten::_efficient_attention_backward", {outer, outer, outer, outer, {}, outer, {}, {}},
                  {"", "", "", "", "", "", "", "", "512", "512", "", "0.1", "", "", "0", "False"}),
            5 * pair);
}

TEST(OperatorFlops, CausalAttentionTakesTheHalfThatItNeeds) {
  const std::vector<std::int64_t> shape = {2, 512, 4, 64};
  EXPECT_EQ(flops("aten::_flash_attention_forward", {shape, shape, shape, {}, {}, {}, {}, {}, {}, {}},
                  {"", "", "", "", "", "512", "512", "0.", "True", "False"}),
            2 * 2.0 * 2 * 4 * (512.0 * 513 / 2) * 64);
}

TEST(OperatorFlops, WhatTheInputsDoNotTellIsNotGuessed) {
  const std::vector<std::int64_t> shape = {2, 512, 4, 64};
  EXPECT_FALSE(operator_flops("aten::mm", {}));
  EXPECT_FALSE(operator_flops("aten::mm", {{{3, 4}, {5, 6}}, {}}));
  EXPECT_FALSE(operator_flops("aten::relu", {{{3, 4}}, {""}}));
  EXPECT_FALSE(operator_flops("aten::cudnn_convolution", {{{2, 3, 8, 8}, {4, 3, 3, 3}}, {}}));
  // Sequences of unequal length in one tensor; and a window of 128.
  EXPECT_FALSE(
      operator_flops("aten::_flash_attention_forward", {{{1024, 4, 64}, {1024, 4, 64}, {1024, 4, 64}, {3}, {3}},
                                                        {"", "", "", "", "", "512", "512", "0.", "False", "False"}}));
  EXPECT_FALSE(operator_flops(
      "aten::_flash_attention_forward",
      {{shape, shape, shape, {}, {}}, {"", "", "", "", "", "512", "512", "0.", "True", "False", "0.07", "128", "0"}}));
  for (const char* list : {"[", "[]", "[x]", "[0]", "[99999999999999999999]", ""}) {
    EXPECT_FALSE(
        operator_flops("aten::cudnn_convolution", {{{2, 3, 8, 8}, {4, 3, 3, 3}}, {"", "", "[1, 1]", list, "[1, 1]"}}))
        << list;
  }
}

TEST(OperatorFlops, OnlyOperatorsThatLaunchKernelsThemselvesAreCounted) {
  EXPECT_TRUE(counts_flops("aten::cudnn_convolution"));
  for (const char* around : {"aten::conv2d", "aten::linear", "aten::matmul", "aten::scaled_dot_product_attention"}) {
    EXPECT_FALSE(counts_flops(around)) << around;
  }
}

}  // namespace
}  // namespace wring
