#include "wring_train/engine/eager/optimizer.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include "wring_train/engine/loss_scaler.h"

namespace wring {
namespace {

TEST(Optimizer, AdamWFollowsThePublishedUpdateForTwoSteps) {
  TrainConfig config;
  config.optimizer = "adamw";
  config.weight_decay = 0.1;
  at::Tensor weight = at::full({1}, 2.0, at::kFloat).requires_grad_(true);
  Optimizer optimizer(config, {weight});
  double w = 2.0;
  double m = 0;
  double v = 0;
  const double lr = 0.01;
  for (int t = 1; t <= 2; ++t) {
    const double gradient = 0.5 * t;
    weight.mutable_grad() = at::full({1}, gradient, at::kFloat);
    optimizer.step(lr);
    w *= 1 - lr * config.weight_decay;
    m = 0.9 * m + 0.1 * gradient;
    v = 0.999 * v + 0.001 * gradient * gradient;
    w -= lr * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
  }
  EXPECT_NEAR(weight.item<double>(), w, 1e-6);
  EXPECT_FALSE(weight.grad().defined());
}

TEST(Optimizer, AdamAddsWeightDecayToTheGradient) {
  TrainConfig config;
  config.optimizer = "adam";
  config.weight_decay = 0.1;
  at::Tensor weight = at::full({1}, 2.0, at::kFloat).requires_grad_(true);
  Optimizer optimizer(config, {weight});
  // A gradient that weight decay cancels exactly: Adam then does not move, AdamW would.
  weight.mutable_grad() = at::full({1}, -0.2, at::kFloat);
  optimizer.step(0.01);
  EXPECT_NEAR(weight.item<double>(), 2.0, 1e-6);
}

TEST(Optimizer, AdanFollowsThePublishedUpdateForThreeSteps) {
  TrainConfig config;
  config.optimizer = "adan";
  config.weight_decay = 0.1;
  at::Tensor weight = at::full({1}, 2.0, at::kFloat).requires_grad_(true);
  Optimizer optimizer(config, {weight});
  // Algorithm 1 of arXiv 2208.06677 with the bias corrections of its authors' code; β as (1 − β) of the paper.
  double w = 2.0;
  double m = 0;
  double v = 0;
  double n = 0;
  double before = 0;
  const double lr = 0.01;
  for (int t = 1; t <= 3; ++t) {
    const double gradient = 0.5 * t - 0.2 * t * t;
    weight.mutable_grad() = at::full({1}, gradient, at::kFloat);
    optimizer.step(lr);
    const double difference = t == 1 ? 0 : gradient - before;
    before = gradient;
    m = 0.98 * m + 0.02 * gradient;
    v = 0.92 * v + 0.08 * difference;
    n = 0.99 * n + 0.01 * std::pow(gradient + 0.92 * difference, 2);
    const double denominator = std::sqrt(n / (1 - std::pow(0.99, t))) + 1e-8;
    w -= lr * (m / (1 - std::pow(0.98, t)) + 0.92 * v / (1 - std::pow(0.92, t))) / denominator;
    w /= 1 + lr * config.weight_decay;
  }
  EXPECT_NEAR(weight.item<double>(), w, 1e-6);
  EXPECT_FALSE(weight.grad().defined());
}

TEST(Optimizer, ClippingBringsTheJointNormDownToTheMaximum) {
  at::Tensor a = at::zeros({2}).requires_grad_(true);
  at::Tensor b = at::zeros({1}).requires_grad_(true);
  a.mutable_grad() = at::tensor({3.0F, 0.0F});
  b.mutable_grad() = at::tensor({4.0F});
  EXPECT_NEAR(clip_gradients({a, b}, 1.0).item<double>(), 5.0, 1e-6);
  EXPECT_NEAR(a.grad()[0].item<double>(), 0.6, 1e-5);
  EXPECT_NEAR(b.grad()[0].item<double>(), 0.8, 1e-5);
}

TEST(Optimizer, ClippingLeavesSmallGradientsAlone) {
  at::Tensor a = at::zeros({1}).requires_grad_(true);
  a.mutable_grad() = at::tensor({0.25F});
  clip_gradients({a}, 1.0);
  EXPECT_FLOAT_EQ(a.grad().item<float>(), 0.25F);
}

TEST(Optimizer, AStepWithOverflowedGradientsIsSkippedWhole) {
  TrainConfig config;
  at::Tensor weight = at::full({1}, 2.0, at::kFloat).requires_grad_(true);
  Optimizer optimizer(config, {weight});
  LossScaler scaler(at::Device(at::kCPU));
  const auto step_with = [&](float gradient) {
    weight.mutable_grad() = at::full({1}, gradient, at::kFloat);
    scaler.unscale({weight});
    optimizer.step(0.01, scaler.found_inf());
    scaler.update();
  };
  step_with(std::numeric_limits<float>::infinity());
  EXPECT_EQ(weight.item<float>(), 2.0F);
  EXPECT_EQ(optimizer.steps_done(), 0);
  EXPECT_EQ(scaler.scale_tensor().item<float>(), 32768.0F);
  step_with(32768.0F);  // a gradient of 1 at that scale
  EXPECT_NEAR(weight.item<double>(), 2.0 - 0.01, 1e-6);
  EXPECT_EQ(optimizer.steps_done(), 1);
}

TEST(Optimizer, TheLossScaleDoublesAfterTwoThousandGoodSteps) {
  at::Tensor weight = at::zeros({1}).requires_grad_(true);
  LossScaler scaler(at::Device(at::kCPU));
  weight.mutable_grad() = at::zeros({1});
  for (int i = 0; i < 2000; ++i) {
    scaler.unscale({weight});
    scaler.update();
  }
  EXPECT_EQ(scaler.scale_tensor().item<float>(), 131072.0F);
}

}  // namespace
}  // namespace wring
