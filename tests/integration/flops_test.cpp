#include "wring_train/nn/flops.h"

#include <gtest/gtest.h>

namespace wring {
namespace {

// Counted by hand for one LR pixel of EDSR 128×12 at ×4: first 27·128, 25 body layers of 9·128², and the tail of
// docs/decisions: plain 9·C·(20·C + 48), folded 25·C·48 multiply-adds.
constexpr double kFirst = 27 * 128;
constexpr double kBody = 25.0 * 9 * 128 * 128;

TEST(Flops, PlainTailCountsEveryConvolutionThreeTimesButTheFirst) {
  const double tail = 9.0 * 128 * (20 * 128 + 48);
  EXPECT_DOUBLE_EQ(training_flops_per_sample({128, 12, 4}, 1, 1, false), 2 * (2 * kFirst + 3 * (kBody + tail)));
}

TEST(Flops, FoldedTailCountsTheOneConvolutionThatRuns) {
  const double tail = 25.0 * 128 * 48;
  EXPECT_DOUBLE_EQ(training_flops_per_sample({128, 12, 4}, 1, 1, true), 2 * (2 * kFirst + 3 * (kBody + tail)));
}

TEST(Flops, GrowWithThePixels) {
  EXPECT_DOUBLE_EQ(training_flops_per_sample({32, 4, 2}, 8, 6, false),
                   48 * training_flops_per_sample({32, 4, 2}, 1, 1, false));
}

TEST(Flops, ScaleThreeHasOneStageAndScaleOneHasNone) {
  const double body = 3.0 * 9 * 8 * 8;
  EXPECT_DOUBLE_EQ(training_flops_per_sample({8, 1, 3}, 1, 1, false),
                   2 * (2 * 27.0 * 8 + 3 * (body + 9.0 * 8 * 72 + 9 * 9.0 * 8 * 3)));
  EXPECT_DOUBLE_EQ(training_flops_per_sample({8, 1, 1}, 1, 1, false), 2 * (2 * 27.0 * 8 + 3 * (body + 9.0 * 8 * 3)));
}

TEST(Flops, PerceptualLossIsThreePassesOfVgg19) {
  // The convolutional part of VGG-19 takes 19.5 G multiply-adds for 224×224 (Simonyan and Zisserman 2015 give 19.6 G
  // with the classifier).
  EXPECT_NEAR(perceptual_flops_per_sample(224, 224) / (2 * 3 * 1e9), 19.5, 0.1);
}

}  // namespace
}  // namespace wring
