#include "wring_train/nn/loss.h"

#include <cmath>

#include <c10/core/GradMode.h>

#include "fixtures/pth_writer.h"
#include "nn_test.h"
#include "wring/files/files.h"
#include "wring_train/nn/checkpoint.h"

namespace wring {
namespace {

using testing_nn::error_of;
using testing_nn::largest_difference;
using testing_nn::random_images;
using testing_nn::TemporaryFolder;

const at::Tensor kSr = at::tensor({0.5, 0.25, 0.75, 0.0}, at::kDouble).view({1, 1, 2, 2});
const at::Tensor kHr = at::tensor({0.5, 0.50, 0.25, 1.0}, at::kDouble).view({1, 1, 2, 2});

TEST(PixelLoss, EachNameIsItsFormula) {
  EXPECT_DOUBLE_EQ(pixel_loss("l1", kSr, kHr).item<double>(), (0.0 + 0.25 + 0.5 + 1.0) / 4);
  EXPECT_DOUBLE_EQ(pixel_loss("mse", kSr, kHr).item<double>(), (0.0 + 0.0625 + 0.25 + 1.0) / 4);
  const auto root = [](double d) { return std::sqrt(d * d + 1e-12); };
  EXPECT_DOUBLE_EQ(pixel_loss("charbonnier", kSr, kHr).item<double>(),
                   (root(0.0) + root(0.25) + root(0.5) + root(1.0)) / 4);
}

TEST(PixelLoss, EachGradientIsItsFormula) {
  const auto gradient = [](const std::string& name) {
    auto sr = kSr.clone().set_requires_grad(true);
    pixel_loss(name, sr, kHr).backward();
    return sr.grad().flatten();
  };
  const auto expect = [&](const std::string& name, std::vector<double> values) {
    EXPECT_LT(largest_difference(gradient(name), at::tensor(values, at::kDouble)), 1e-12) << name;
  };
  expect("l1", {0.0, -0.25, 0.25, -0.25});
  expect("mse", {0.0, -0.125, 0.25, -0.5});
  // d/√(d² + ε)/4: with no difference the gradient is 0, not a division by 0.
  const auto slope = [](double d) { return d / std::sqrt(d * d + 1e-12) / 4; };
  expect("charbonnier", {0.0, slope(-0.25), slope(0.5), slope(-1.0)});
}

TEST(PixelLoss, AnUnknownNameIsAUsageError) {
  EXPECT_THAT(error_of([] { pixel_loss("huber", kSr, kHr); }),
              testing::AllOf(testing::HasSubstr("huber"), testing::HasSubstr("charbonnier")));
}

TEST(PixelLoss, ShapesThatWouldBroadcastAreRefused) {
  EXPECT_THAT(error_of([] { pixel_loss("l1", kSr, kHr.narrow(3, 0, 1)); }), testing::HasSubstr("1×1×2×1"));
}

// One loss for all tests of this suite: VGG-19 has 20 million weights to draw.
class Perceptual : public testing::Test {
 protected:
  static void SetUpTestSuite() { loss_ = std::make_unique<PerceptualLoss>(VggWeights{}, at::kCPU, false); }
  static void TearDownTestSuite() { loss_.reset(); }
  static inline std::unique_ptr<PerceptualLoss> loss_;
};

TEST_F(Perceptual, ItIsZeroForEqualImagesAndGrowsWithTheDifference) {
  const auto hr = random_images({1, 3, 32, 32}, 1);
  const auto noise = random_images({1, 3, 32, 32}, 2).sub(0.5);
  EXPECT_EQ((*loss_)(hr, hr).item<double>(), 0.0);
  const double small = (*loss_)(hr + noise * 0.05, hr).item<double>();
  const double large = (*loss_)(hr + noise * 0.5, hr).item<double>();
  EXPECT_GT(small, 0.0);
  EXPECT_GT(large, 2 * small);
}

TEST_F(Perceptual, TheGradientReachesSrOnly) {
  auto sr = random_images({1, 3, 32, 32}, 3).set_requires_grad(true);
  auto hr = random_images({1, 3, 32, 32}, 4).set_requires_grad(true);
  (*loss_)(sr, hr).backward();
  ASSERT_TRUE(sr.grad().defined());
  EXPECT_GT(sr.grad().abs().sum().item<double>(), 0.0);
  EXPECT_FALSE(hr.grad().defined());
  EXPECT_TRUE(c10::GradMode::is_enabled());
}

TEST_F(Perceptual, TheNoteSaysThatTheWeightsAreRandom) {
  EXPECT_THAT(loss_->note().en,
              testing::AllOf(testing::HasSubstr("random"), testing::HasSubstr("perceptual_weights_file")));
}

TEST_F(Perceptual, ChannelsLastGivesTheSameLoss) {
  const PerceptualLoss other({}, at::kCPU, true);
  const auto sr = random_images({1, 3, 32, 32}, 5), hr = random_images({1, 3, 32, 32}, 6);
  const auto nhwc = at::MemoryFormat::ChannelsLast;
  const double expected = (*loss_)(sr, hr).item<double>();
  EXPECT_NEAR(other(sr.contiguous(nhwc), hr.contiguous(nhwc)).item<double>(), expected, 1e-4 * expected);
}

TEST_F(Perceptual, PatchesTooSmallForFourPoolingsAreRefused) {
  const auto small = random_images({1, 3, 8, 32}, 7);
  EXPECT_THAT(error_of([&] { (*loss_)(small, small); }), testing::HasSubstr("16×16"));
}

// The features restated with ATen's plain operations, layer list and normalisation written out anew.
TEST(Vgg19, FeaturesAreConv54BeforeItsReluOfNormalisedImages) {
  const auto vgg = Vgg19::random(3);
  const auto images = random_images({1, 3, 35, 32}, 8);
  const auto mean = at::tensor({0.485F, 0.456F, 0.406F}).view({1, 3, 1, 1});
  const auto deviation = at::tensor({0.229F, 0.224F, 0.225F}).view({1, 3, 1, 1});
  auto x = (images - mean) / deviation;
  std::size_t index = 0;
  for (const int layers : {2, 2, 4, 4, 4}) {
    x = index == 0 ? x : at::max_pool2d(x, 2);
    for (int layer = 0; layer < layers; ++layer, index += 2) {
      x = at::conv2d(index == 0 ? x : at::relu(x), vgg.weights()[index], vgg.weights()[index + 1], 1, 1);
    }
  }
  const auto features = vgg.conv5_4(images);
  EXPECT_THAT(features.sizes().vec(), testing::ElementsAre(1, 512, 2, 2));
  EXPECT_LT(features.min().item<float>(), 0.0F);
  EXPECT_LT(largest_difference(features, x), 1e-4 * x.abs().max().item<double>());
}

TEST(Vgg19, RandomWeightsAreHeNormalAndFixed) {
  const auto a = Vgg19::random(1), b = Vgg19::random(1), c = Vgg19::random(2);
  ASSERT_EQ(a.weights().size(), 32U);
  EXPECT_TRUE(at::equal(a.weights()[4], b.weights()[4]));
  EXPECT_FALSE(at::equal(a.weights()[4], c.weights()[4]));
  EXPECT_NEAR(a.weights()[30].var().item<double>(), 2.0 / (512 * 9), 0.01 * 2.0 / (512 * 9));
  EXPECT_EQ(a.weights()[31].abs().max().item<double>(), 0.0);
}

TEST(Vgg19, ImagesOfAnotherTypeMeetWeightsOfThatType) {
  const auto vgg = Vgg19::random(1);
  const auto images = random_images({1, 3, 16, 16}, 9);
  const auto in_double = vgg.conv5_4(images.to(at::kDouble));
  EXPECT_EQ(in_double.scalar_type(), at::kDouble);
  EXPECT_LT(largest_difference(vgg.conv5_4(images), in_double), 1e-3 * in_double.abs().max().item<double>());
}

class Vgg19File : public testing::Test {
 protected:
  static void SetUpTestSuite() { weights_ = Vgg19::random(5).weights(); }
  static void TearDownTestSuite() { weights_.clear(); }
  static std::vector<NamedTensor> named(const std::string& prefix) {
    const int numbers[16] = {0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34};
    std::vector<NamedTensor> result;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      result.push_back({prefix + std::to_string(numbers[i / 2]) + (i % 2 == 0 ? ".weight" : ".bias"), weights_[i]});
    }
    return result;
  }
  static inline std::vector<at::Tensor> weights_;
  TemporaryFolder folder_;
};

TEST_F(Vgg19File, TorchvisionsNamesAreReadWithAndWithoutPrefix) {
  for (const char* prefix : {"features.", "", "module.features."}) {
    auto tensors = named(prefix);
    tensors.push_back({"classifier.6.bias", at::zeros({10})});
    save_tensors(folder_ / "vgg.safetensors", tensors, {});
    const auto vgg = Vgg19::load(folder_ / "vgg.safetensors");
    for (const std::size_t i : {0U, 1U, 17U, 31U}) {
      EXPECT_TRUE(at::equal(vgg.weights()[i], weights_[i])) << prefix << i;
    }
  }
}

TEST_F(Vgg19File, AMissingOrWrongTensorIsNamed) {
  auto tensors = named("features.");
  std::erase_if(tensors, [](const NamedTensor& t) { return t.name == "features.14.bias"; });
  save_tensors(folder_ / "vgg.safetensors", tensors, {});
  EXPECT_THAT(error_of([&] { Vgg19::load(folder_ / "vgg.safetensors"); }),
              testing::AllOf(testing::HasSubstr("vgg.safetensors"), testing::HasSubstr("\"features.14.bias\"")));
  tensors = named("features.");
  tensors[2].tensor = at::zeros({64, 64, 1, 1});
  save_tensors(folder_ / "vgg.safetensors", tensors, {});
  EXPECT_THAT(
      error_of([&] { Vgg19::load(folder_ / "vgg.safetensors"); }),
      testing::AllOf(testing::HasSubstr("\"features.2.weight\" is 64×64×1×1"), testing::HasSubstr("64×64×3×3")));
}

// As torchvision's own file has them: the sequence of pickles that torch wrote before 1.6, classifier and all.
TEST_F(Vgg19File, TheFileThatTorchvisionDownloadsIsRead) {
  using namespace testing_support::pickled;
  std::string tensors;
  testing_support::Storages storages;
  const auto add = [&](const std::string& name, const std::vector<std::int64_t>& sizes, std::string bytes) {
    std::vector<std::int64_t> strides(sizes.size(), 1);
    for (std::size_t i = sizes.size(); i-- > 1;) strides[i - 1] = strides[i] * sizes[i];
    const auto elements = static_cast<std::int64_t>(bytes.size() / 4);
    tensors += text(name) + tensor({.key = name, .elements = elements, .sizes = sizes, .strides = strides});
    storages.emplace_back(name, std::move(bytes));
  };
  for (const NamedTensor& t : named("features.")) {
    add(t.name, t.tensor.sizes().vec(), {static_cast<const char*>(t.tensor.const_data_ptr()), t.tensor.nbytes()});
  }
  add("classifier.6.bias", {10}, std::string(40, 'x'));
  const std::string body = call(global("collections", "OrderedDict"), ")") + "(" + tensors + "u";
  write_file_atomically(folder_ / "vgg19-dcbb9e9d.pth", testing_support::pth_sequence(body, storages));
  const auto vgg = Vgg19::load(folder_ / "vgg19-dcbb9e9d.pth");
  for (std::size_t i = 0; i < weights_.size(); ++i) EXPECT_TRUE(at::equal(vgg.weights()[i], weights_[i])) << i;
}

TEST_F(Vgg19File, TheNoteNamesTheFile) {
  save_tensors(folder_ / "vgg.safetensors", named("features."), {});
  EXPECT_THAT(PerceptualLoss({folder_ / "vgg.safetensors", true}, at::kCPU, false).note().en,
              testing::HasSubstr("vgg.safetensors (perceptual_weights_file)"));
}

}  // namespace
}  // namespace wring
