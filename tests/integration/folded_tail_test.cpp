#include "wring_train/nn/folded_tail.h"

#include <atomic>
#include <cstdlib>
#include <functional>

#include <fmt/format.h>

#include <ATen/record_function.h>

#include "nn_test.h"
#include "random_batch.h"
#include "wring_train/engine/step_engine.h"
#include "wring_train/nn/edsr.h"
#include "wring_train/restore/evaluation.h"
#include "wring_train/restore/upscaler.h"

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

// How often the action sums rows of a composition: only the folded tail does.
std::atomic<int> row_sums = 0;
int compositions_in(const std::function<void()>& action) {
  row_sums = 0;
  const auto handle = at::addGlobalCallback(
      at::RecordFunctionCallback([](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
        if (std::string_view(function.name()) == "aten::_embedding_bag_forward_only") ++row_sums;
        return nullptr;
      }).scopes({at::RecordScope::FUNCTION}));
  action();
  at::removeCallback(handle);
  return row_sums;
}

TrainConfig config_of(std::int64_t scale, const std::string& fold_tail) {
  TrainConfig config;
  config.base_channels = 8;
  config.num_blocks = 2;
  config.scale_factor = static_cast<int>(scale);
  config.fold_tail = fold_tail;
  config.lr = 1e-3;
  return config;
}

std::unique_ptr<StepEngine> engine_of(const TrainConfig& config) {
  return make_step_engine(config, Edsr({config.base_channels, config.num_blocks, config.scale_factor}, 3),
                          at::Device(at::kCPU), [](const Text&) {});
}

Image noise(int width, int height, std::uint64_t seed) {
  Image image(width, height, 3);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<std::uint8_t>(random_bits(seed, 0, i) >> 56);
  }
  return image;
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

// A path from the outermost pixel that leaves the image on the way comes back at most one LR pixel deep.
TEST(FoldedTail, BordersAreTheOutermostPixelsOfFewOutputs) {
  const auto border = [](std::int64_t scale) {
    const TailKernel kernel = make_tail_tables(scale).kernel[kPastFirstRow][kAllPaths];
    return std::pair(kernel.output_rows, kernel.tap_rows);
  };
  EXPECT_EQ(border(2), std::pair(1L, 1L));
  EXPECT_EQ(border(3), std::pair(1L, 1L));
  EXPECT_EQ(border(4), std::pair(3L, 2L));
  EXPECT_EQ(border(8), std::pair(7L, 2L));
  for (const std::int64_t scale : {2, 3, 4, 8}) {
    const TailKernel centre = make_tail_tables(scale).kernel[kAllPaths][kAllPaths];
    EXPECT_EQ(centre.tap_rows, 5);
    EXPECT_EQ(centre.biases(), 3 * scale * scale);
  }
}

TEST(FoldedTail, Fp32AgreesToRounding) {
  for (const std::int64_t scale : {2, 3, 4, 8}) {
    const Edsr net({.channels = 32, .blocks = 1, .scale = scale}, 4);
    const auto lr = random_images({2, 3, 11, 13}, 5);
    const double difference = largest_difference(net.forward(lr, TailPath::folded), net.forward(lr, TailPath::plain));
    EXPECT_LT(difference, 1e-5) << scale;
  }
}

TEST(FoldedTail, Bf16FeaturesGiveABf16ResultNearby) {
  const Edsr net({.channels = 16, .blocks = 1, .scale = 4}, 6);
  const auto features = random_images({2, 16, 9, 10}, 7).sub(0.5);
  const auto expected = net.tail_with(net.tensors(), features);
  const auto narrow = net.tail_with(net.tensors(), features.to(at::kBFloat16), TailPath::folded);
  EXPECT_EQ(narrow.scalar_type(), at::kBFloat16);
  EXPECT_LT(largest_difference(narrow, expected) / expected.abs().max().item<double>(), 0.02);
}

TEST(FoldedTail, TheGradientOfBf16FeaturesReachesFp32Weights) {
  Edsr net({.channels = 16, .blocks = 1, .scale = 2}, 8);
  const auto features = random_images({2, 16, 9, 10}, 9).sub(0.5);
  const Pass expected = run(net, TailPath::plain, net.tensors(), features);
  const Pass narrow = run(net, TailPath::folded, net.tensors(), features.to(at::kBFloat16));
  EXPECT_EQ(narrow.gradients[0].scalar_type(), at::kBFloat16);
  for (std::size_t i = 1; i < expected.gradients.size(); ++i) {
    EXPECT_EQ(narrow.gradients[i].scalar_type(), at::kFloat);
    EXPECT_LT(largest_difference(narrow.gradients[i], expected.gradients[i]) /
                  expected.gradients[i].abs().max().item<double>(),
              0.03)
        << "gradient " << i;
  }
}

TEST(FoldedTail, ImagesBelowThreePixelsTakeThePlainTail) {
  const Edsr net({.channels = 8, .blocks = 1, .scale = 4}, 10);
  for (const auto& [height, width] : {std::pair{2, 9}, {9, 2}, {1, 1}}) {
    const auto lr = random_images({1, 3, height, width}, 11);
    at::Tensor sr;
    EXPECT_EQ(compositions_in([&] { sr = net.forward(lr, TailPath::folded); }), 0);
    EXPECT_TRUE(at::equal(sr, net.forward(lr, TailPath::plain)));
  }
  EXPECT_GT(compositions_in([&] { net.forward(random_images({1, 3, 3, 3}, 11), TailPath::folded); }), 0);
}

TEST(FoldedTail, ScaleOneHasNothingToFold) {
  const Edsr net({.channels = 8, .blocks = 1, .scale = 1}, 12);
  EXPECT_EQ(net.folded_tail(), nullptr);
  const auto lr = random_images({1, 3, 6, 6}, 13);
  EXPECT_TRUE(at::equal(net.forward(lr, TailPath::folded), net.forward(lr, TailPath::plain)));
}

TEST(FoldedTail, OnlyFoldTailAutoComposesInTraining) {
  const Batch batch = random_batch(2, 8, 4, 1);
  const auto compositions = [&](const std::string& fold_tail) {
    const auto engine = engine_of(config_of(4, fold_tail));
    return compositions_in([&] { engine->step(std::span(&batch, 1), 1e-3); });
  };
  EXPECT_EQ(compositions("off"), 0);
  EXPECT_GT(compositions("auto"), 0);
}

TEST(FoldedTail, TwentyStepsOfTrainingAreThoseOfThePlainTail) {
  for (const std::int64_t scale : {2, 3, 4, 8}) {
    const auto plain = engine_of(config_of(scale, "off"));
    const auto folded = engine_of(config_of(scale, "auto"));
    for (int i = 0; i < 20; ++i) {
      const Batch batch = random_batch(2, 8, static_cast<int>(scale), static_cast<std::uint64_t>(2 * i));
      plain->step(std::span(&batch, 1), 1e-4);
      folded->step(std::span(&batch, 1), 1e-4);
      const double expected = plain->report().loss;
      EXPECT_NEAR(folded->report().loss, expected, 1e-5 * expected) << "scale " << scale << ", step " << i;
    }
  }
}

TEST(FoldedTail, AnUpscalerComposesOnceAndGivesTheSamePicture) {
  for (const int scale : {2, 3, 4, 8}) {
    const Edsr net({.channels = 8, .blocks = 2, .scale = scale}, 14);
    const at::Device cpu(at::kCPU);
    const Image lr = noise(45, 37, 15);
    const Upscaler plain(net, cpu, true, 16, TailPath::plain);
    Image expected;
    EXPECT_EQ(compositions_in([&] { expected = plain(lr); }), 0);
    std::optional<Upscaler> folded;
    EXPECT_GT(compositions_in([&] { folded.emplace(net, cpu, true, 16); }), 0);
    Image sr;
    EXPECT_EQ(compositions_in([&] { sr = (*folded)(lr); }), 0);
    ASSERT_EQ(sr.pixels.size(), expected.pixels.size());
    int largest = 0;
    for (std::size_t i = 0; i < sr.pixels.size(); ++i) {
      largest = std::max(largest, std::abs(sr.pixels[i] - expected.pixels[i]));
    }
    EXPECT_LE(largest, 1) << "scale " << scale;
  }
}

TEST(FoldedTail, AnEvaluationGivesTheSameScores) {
  const Edsr net({.channels = 8, .blocks = 2, .scale = 4}, 16);
  const EvaluationPair pair{"noise", noise(96, 80, 17), noise(24, 20, 18)};
  const Score plain = score(pair, Upscaler(net, at::Device(at::kCPU), true, 0, TailPath::plain)(pair.lr), 4);
  const Score folded = score(pair, Upscaler(net, at::Device(at::kCPU), true, 0, TailPath::folded)(pair.lr), 4);
  EXPECT_NEAR(folded.psnr_y, plain.psnr_y, 1e-3);
  EXPECT_NEAR(folded.ssim_y, plain.ssim_y, 1e-4);
}

}  // namespace
}  // namespace wring
