#include "wring_train/nn/folded_tail.h"

#include <fmt/format.h>

#include "nn_test.h"
#include "wring_train/nn/edsr.h"

namespace wring {
namespace {

using testing_nn::in_double;
using testing_nn::largest_difference;
using testing_nn::random_images;

struct Case {
  std::int64_t scale, height, width;
};

class FoldedTailEquals : public testing::TestWithParam<Case> {};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::int64_t scale : {2, 3, 4, 8}) {
    for (const auto& [height, width] : {std::pair{3, 3}, {3, 7}, {4, 4}, {4, 3}, {5, 9}, {8, 6}}) {
      all.push_back({scale, height, width});
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(EveryScaleAndSize, FoldedTailEquals, testing::ValuesIn(cases()), [](const auto& test) {
  return fmt::format("x{}_{}x{}", test.param.scale, test.param.height, test.param.width);
});

struct Pass {
  at::Tensor output;
  std::vector<at::Tensor> gradients;  // of the features, then of the weights
};

// Output and all gradients for a fixed random gradient of the output.
Pass run(const Edsr& net, TailPath path, std::vector<at::Tensor> weights, at::Tensor features) {
  for (auto& weight : weights) weight = weight.detach().clone().set_requires_grad(true);
  features = features.detach().clone().set_requires_grad(true);
  Pass pass;
  pass.output = net.tail_with(weights, features, path);
  const auto gradient = random_images(pass.output.sizes(), 99, at::kDouble).sub(0.5).to(pass.output.scalar_type());
  pass.output.backward(gradient);
  pass.gradients.push_back(features.grad());
  for (const auto& weight : net.tail_weights(weights)) pass.gradients.push_back(weight.grad());
  return pass;
}

double scale_of(const at::Tensor& x) {
  return std::max(1.0, x.abs().max().item<double>());
}

TEST_P(FoldedTailEquals, ThePlainOneInFloat64WithAllItsGradients) {
  const auto [scale, height, width] = GetParam();
  for (const bool channels_last : {false, true}) {
    Edsr net({.channels = 6, .blocks = 1, .scale = scale}, 1);
    net.to(at::kCPU, channels_last);
    const auto format = channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
    const auto features = random_images({2, 6, height, width}, 2, at::kDouble).sub(0.5).contiguous(format);
    const auto weights = in_double(net.tensors());
    const Pass plain = run(net, TailPath::plain, weights, features);
    const Pass folded = run(net, TailPath::folded, weights, features);
    EXPECT_LT(largest_difference(folded.output, plain.output), 1e-10);
    ASSERT_EQ(folded.gradients.size(), plain.gradients.size());
    for (std::size_t i = 0; i < plain.gradients.size(); ++i) {
      ASSERT_EQ(folded.gradients[i].sizes(), plain.gradients[i].sizes());
      EXPECT_LT(largest_difference(folded.gradients[i], plain.gradients[i]) / scale_of(plain.gradients[i]), 1e-10)
          << "gradient " << i << (channels_last ? ", channels-last" : "");
    }
  }
}

}  // namespace
}  // namespace wring
