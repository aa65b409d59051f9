#include "wring_train/nn/edsr.h"

#include <cmath>
#include <map>

#include "naive_edsr.h"
#include "nn_test.h"

namespace wring {
namespace {

using testing_nn::error_of;
using testing_nn::in_double;
using testing_nn::largest_difference;
using testing_nn::random_images;

class EdsrScale : public testing::TestWithParam<std::int64_t> {};
INSTANTIATE_TEST_SUITE_P(AllScales, EdsrScale, testing::Values(1, 2, 3, 4, 8));

TEST_P(EdsrScale, TheOutputIsScaleTimesLargerInFp32) {
  const Edsr net({.channels = 8, .blocks = 2, .scale = GetParam()}, 1);
  const auto sr = net.forward(random_images({2, 3, 5, 7}, 2));
  EXPECT_THAT(sr.sizes().vec(), testing::ElementsAre(2, 3, 5 * GetParam(), 7 * GetParam()));
  EXPECT_EQ(sr.scalar_type(), at::kFloat);
}

TEST_P(EdsrScale, ForwardAgreesWithLoopsInDouble) {
  const Edsr net({.channels = 4, .blocks = 2, .scale = GetParam()}, 3);
  const auto lr = random_images({1, 3, 4, 5}, 4, at::kDouble);
  const auto expected = naive::edsr(net, lr[0]);
  EXPECT_LT(largest_difference(net.forward(lr.to(at::kFloat))[0], expected), 1e-5);
  // 3e-8: the channels' mean is held in fp32.
  EXPECT_LT(largest_difference(net.forward_with(in_double(net.tensors()), lr)[0], expected), 3e-8);
}

TEST_P(EdsrScale, ChannelsLastChangesStridesNotValues) {
  Edsr net({.channels = 8, .blocks = 2, .scale = GetParam()}, 5);
  const auto lr = random_images({2, 3, 6, 5}, 6);
  const auto expected = net.forward(lr);
  net.to(at::kCPU, true);
  EXPECT_TRUE(net.parameters().front().tensor.is_contiguous(at::MemoryFormat::ChannelsLast));
  const auto sr = net.forward(lr.contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(sr.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_LT(largest_difference(sr, expected), 1e-5);
}

// One LR pixel is changed: outputs at `radius` LR pixels from it must be able to change, and none further
// away.
TEST_P(EdsrScale, TheReceptiveRadiusIsExact) {
  const Edsr net({.channels = 8, .blocks = 1, .scale = GetParam()}, 7);
  const auto radius = net.receptive_radius();
  const auto middle = radius + 2, size = 2 * middle + 1;
  auto lr = random_images({1, 3, size, size}, 8, at::kDouble);
  const auto weights = in_double(net.tensors());
  const auto before = net.forward_with(weights, lr);
  lr.select(2, middle).select(2, middle).add_(0.5);
  const auto changed = at::ne(net.forward_with(weights, lr), before).any(1)[0].nonzero();
  const auto first = at::floor_divide(std::get<0>(changed.min(0)), GetParam());
  const auto last = at::floor_divide(std::get<0>(changed.max(0)), GetParam());
  for (const int axis : {0, 1}) {
    EXPECT_EQ(middle - first[axis].item<std::int64_t>(), radius);
    EXPECT_EQ(last[axis].item<std::int64_t>() - middle, radius);
  }
}

// One number of every parameter is moved, in double, and the loss measured on both sides.
TEST_P(EdsrScale, GradientsAgreeWithFiniteDifferences) {
  const Edsr net({.channels = 3, .blocks = 2, .scale = GetParam()}, 9);
  const auto lr = random_images({2, 3, 4, 3}, 10, at::kDouble);
  auto weights = in_double(net.tensors());
  const auto loss = [&] { return net.forward_with(weights, lr).square().sum(); };
  for (auto& weight : weights) {
    weight.set_requires_grad(true);
  }
  loss().backward();
  std::vector<at::Tensor> gradients;
  for (auto& weight : weights) {
    gradients.push_back(weight.grad());
    weight = weight.detach();
  }
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto where = static_cast<std::int64_t>(i * 7) % weights[i].numel();
    double* number = weights[i].data_ptr<double>() + where;
    const double at = *number, step = 1e-6;
    *number = at + step;
    const double above = loss().item<double>();
    *number = at - step;
    const double below = loss().item<double>();
    *number = at;
    const double expected = (above - below) / (2 * step);
    EXPECT_NEAR(gradients[i].flatten()[where].item<double>(), expected, 1e-5 * std::abs(expected) + 1e-5)
        << net.parameters()[i].name;
  }
}

TEST(Edsr, NamesAndSizesAreBasicSrs) {
  std::vector<std::string> expected = {"conv_first.weight", "conv_first.bias"};
  for (int block = 0; block < 16; ++block) {
    for (const char* part : {"conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias"}) {
      expected.push_back("body." + std::to_string(block) + "." + part);
    }
  }
  for (const char* name : {"conv_after_body.weight", "conv_after_body.bias", "upsample.0.weight", "upsample.0.bias",
                           "upsample.2.weight", "upsample.2.bias", "conv_last.weight", "conv_last.bias"}) {
    expected.emplace_back(name);
  }
  std::vector<std::string> names;
  std::int64_t numbers = 0;
  const Edsr net({.channels = 64, .blocks = 16, .scale = 4}, 0);
  for (const auto& [name, tensor] : net.parameters()) {
    names.push_back(name);
    numbers += tensor.numel();
  }
  EXPECT_EQ(names, expected);
  EXPECT_EQ(numbers, 1'517'571);  // the 1.52 M of the published EDSR-baseline ×4
}

TEST(Edsr, OtherScalesHaveTheirOwnUpsamplers) {
  const auto upsamplers = [](std::int64_t scale) {
    std::map<std::string, std::int64_t> widths;
    for (const auto& [name, sizes] : edsr_parameters({.channels = 16, .blocks = 1, .scale = scale})) {
      if (name.starts_with("upsample.") && name.ends_with(".weight")) {
        widths[name] = sizes[0];
      }
    }
    return widths;
  };
  using Widths = std::map<std::string, std::int64_t>;
  EXPECT_EQ(upsamplers(1), Widths{});
  EXPECT_EQ(upsamplers(2), (Widths{{"upsample.0.weight", 64}}));
  EXPECT_EQ(upsamplers(3), (Widths{{"upsample.0.weight", 144}}));
  EXPECT_EQ(upsamplers(8), (Widths{{"upsample.0.weight", 64}, {"upsample.2.weight", 64}, {"upsample.4.weight", 64}}));
}

TEST(Edsr, EqualSeedsGiveEqualNetsWhateverElseDrawsNumbers) {
  const EdsrShape shape{.channels = 8, .blocks = 2, .scale = 2};
  const Edsr a(shape, 11);
  at::rand({100});
  const Edsr b(shape, 11), c(shape, 12);
  for (std::size_t i = 0; i < a.parameters().size(); ++i) {
    EXPECT_TRUE(at::equal(a.tensors()[i], b.tensors()[i])) << a.parameters()[i].name;
    EXPECT_FALSE(at::equal(a.tensors()[i], c.tensors()[i])) << a.parameters()[i].name;
  }
}

TEST(Edsr, InitialWeightsFillTheirUniformRange) {
  const Edsr net({.channels = 64, .blocks = 1, .scale = 4}, 13);
  for (const auto& [name, tensor] : net.parameters()) {
    const double bound = name.starts_with("conv_first") ? 1 / std::sqrt(27.0) : 1 / std::sqrt(64 * 9.0);
    EXPECT_LE(tensor.abs().max().item<double>(), bound) << name;
    if (tensor.numel() >= 1728) {
      const double n = static_cast<double>(tensor.numel());
      EXPECT_GT(tensor.abs().max().item<double>(), 0.99 * bound) << name;
      // Five standard errors of the mean and of the variance of a uniform distribution.
      EXPECT_NEAR(tensor.mean().item<double>(), 0.0, 5 * bound / std::sqrt(3 * n)) << name;
      EXPECT_NEAR(tensor.var().item<double>() / (bound * bound / 3), 1.0, 5 * std::sqrt(0.8 / n)) << name;
    }
  }
}

TEST(Edsr, OtherWeightsTakeTheParametersPlaces) {
  const EdsrShape shape{.channels = 8, .blocks = 1, .scale = 2};
  const Edsr a(shape, 14), b(shape, 15);
  const auto lr = random_images({1, 3, 5, 5}, 16);
  EXPECT_TRUE(at::equal(a.forward_with(b.tensors(), lr), b.forward(lr)));
  EXPECT_FALSE(at::equal(a.forward(lr), b.forward(lr)));
}

TEST(Edsr, Bf16WeightsGiveAnFp32ResultNearby) {
  const Edsr net({.channels = 8, .blocks = 2, .scale = 4}, 17);
  std::vector<at::Tensor> narrow;
  for (const auto& tensor : net.tensors()) {
    narrow.push_back(tensor.to(at::kBFloat16));
  }
  const auto lr = random_images({1, 3, 8, 8}, 18);
  const auto sr = net.forward_with(narrow, lr);
  EXPECT_EQ(sr.scalar_type(), at::kFloat);
  const double difference = largest_difference(sr, net.forward(lr));
  EXPECT_GT(difference, 0.0);
  EXPECT_LT(difference, 0.02);
}

TEST(Edsr, MovedParametersAreLeavesAndKeepRequiresGrad) {
  Edsr net({.channels = 8, .blocks = 1, .scale = 2}, 19);
  net.requires_grad(true);
  net.to(at::kCPU, true);
  for (const auto& [name, tensor] : net.parameters()) {
    EXPECT_TRUE(tensor.is_leaf() && tensor.requires_grad()) << name;
  }
  net.forward(random_images({1, 3, 4, 4}, 20)).sum().backward();
  EXPECT_TRUE(net.parameters().front().tensor.grad().defined());
  net.requires_grad(false);
  EXPECT_FALSE(net.forward(random_images({1, 3, 4, 4}, 20)).requires_grad());
}

TEST(Edsr, AnImpossibleShapeIsRefused) {
  EXPECT_THAT(error_of([] { Edsr({.channels = 8, .blocks = 1, .scale = 5}, 0); }),
              testing::AllOf(testing::HasSubstr("5"), testing::HasSubstr("1, 2, 3, 4 or 8")));
  EXPECT_THAT(error_of([] { Edsr({.channels = 0, .blocks = 1, .scale = 2}, 0); }), testing::HasSubstr("0 channels"));
  EXPECT_THAT(error_of([] { Edsr({.channels = 8, .blocks = 0, .scale = 2}, 0); }), testing::HasSubstr("0 blocks"));
}

}  // namespace
}  // namespace wring
