#include "wring_train/nn/edsr.h"

#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>

#include "gpu_test.h"
#include "wring_train/nn/loss.h"

namespace wring {
namespace {

class AutocastBf16 {
 public:
  AutocastBf16() {
    at::autocast::set_autocast_enabled(at::kCUDA, true);
    at::autocast::set_autocast_dtype(at::kCUDA, at::kBFloat16);
  }
  ~AutocastBf16() {
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCUDA, false);
  }
};

class EdsrOnGpu : public GpuTest {
 protected:
  static Edsr net(std::int64_t scale, at::Device device, bool channels_last) {
    Edsr result({.channels = 32, .blocks = 3, .scale = scale}, 1);
    result.to(device, channels_last);
    result.requires_grad(true);
    return result;
  }
};

TEST_F(EdsrOnGpu, ForwardAndEveryGradientEqualTheCpusInBothLayouts) {
  for (const std::int64_t scale : {1, 2, 3, 4, 8}) {
    const auto lr = random_images({2, 3, 13, 11}, 2), hr = random_images({2, 3, 13 * scale, 11 * scale}, 3);
    const auto reference = net(scale, at::kCPU, false);
    const auto expected = reference.forward(lr);
    pixel_loss("mse", expected, hr).backward();
    for (const bool channels_last : {false, true}) {
      SCOPED_TRACE(testing::Message() << "scale " << scale << ", channels_last " << channels_last);
      const auto format = channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
      const auto subject = net(scale, at::kCUDA, channels_last);
      const auto sr = subject.forward(lr.cuda().contiguous(format));
      EXPECT_TRUE(sr.is_contiguous(format));
      EXPECT_LT(relative_difference(sr, expected), 1e-4);
      pixel_loss("mse", sr, hr.cuda()).backward();
      for (std::size_t i = 0; i < subject.parameters().size(); ++i) {
        const auto& [name, tensor] = subject.parameters()[i];
        EXPECT_LT(relative_difference(tensor.grad(), reference.parameters()[i].tensor.grad()), 1e-3) << name;
      }
    }
  }
}

TEST_F(EdsrOnGpu, AutocastInBf16StaysCloseToFp32AndEndsInFp32) {
  const auto subject = net(4, at::kCUDA, true);
  const auto lr = random_images({2, 3, 24, 24}, 4).cuda().contiguous(at::MemoryFormat::ChannelsLast);
  const auto expected = subject.forward(lr);
  at::Tensor sr;
  {
    const AutocastBf16 autocast;
    sr = subject.forward(lr);
  }
  EXPECT_EQ(sr.scalar_type(), at::kFloat);
  const double difference = relative_difference(sr, expected);
  EXPECT_GT(difference, 0.0) << "nothing ran in bf16";
  EXPECT_LT(difference, 0.02);
}

TEST_F(EdsrOnGpu, ThePerceptualLossEqualsTheCpusAndWorksUnderAutocast) {
  const auto sr = random_images({2, 3, 48, 48}, 5), hr = random_images({2, 3, 48, 48}, 6);
  const double expected = PerceptualLoss({}, at::kCPU, false)(sr, hr).item<double>();
  const PerceptualLoss loss({}, at::kCUDA, true);
  EXPECT_NEAR(loss(sr.cuda(), hr.cuda()).item<double>(), expected, 1e-4 * expected);
  const AutocastBf16 autocast;
  const auto narrow = loss(sr.cuda(), hr.cuda());
  EXPECT_EQ(narrow.scalar_type(), at::kFloat);
  EXPECT_NEAR(narrow.item<double>(), expected, 0.05 * expected);
}

// The optimiser of the engines: the same fused step on both devices.
TEST_F(EdsrOnGpu, AFusedAdamWStepEqualsTheCpus) {
  const auto state_after_steps = [](at::Device device) {
    std::vector<at::Tensor> weights, moments, squares, steps;
    for (const std::int64_t n : {7, 1000, 40'000}) {
      weights.push_back(random_images({n}, 10 + n).to(device));
      moments.push_back(at::zeros({n}, device));
      squares.push_back(at::zeros({n}, device));
      steps.push_back(at::zeros({}, device));
    }
    for (int step = 0; step < 3; ++step) {
      std::vector<at::Tensor> gradients;
      for (const auto& weight : weights) {
        gradients.push_back(random_images({weight.numel()}, 20 + step).sub(0.5).to(device));
      }
      at::_foreach_add_(steps, 1);
      at::_fused_adamw_(weights, gradients, moments, squares, {}, steps, 1e-2, 0.9, 0.99, 1e-2, 1e-8, false, false);
    }
    return weights;
  };
  const auto expected = state_after_steps(at::kCPU), actual = state_after_steps(at::kCUDA);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_LT(relative_difference(actual[i], expected[i]), 1e-5);
  }
}

}  // namespace
}  // namespace wring
