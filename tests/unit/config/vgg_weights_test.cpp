#include "wring/config/vgg_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/scoped_environment.h"
#include "fixtures/temporary_folder.h"

namespace wring {
namespace {
namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class VggWeightsFile : public testing::Test {
 protected:
  void SetUp() override {
    environment_.set("HOME", folder_.path().string());
    for (const char* name : {"TORCH_HOME", "XDG_CACHE_HOME"}) environment_.set(name, std::nullopt);
  }
  static constexpr const char* kFile = "hub/checkpoints/vgg19-dcbb9e9d.pth";

  testing_support::TemporaryFolder folder_;
  testing_support::ScopedEnvironment environment_;
};

TEST_F(VggWeightsFile, LiesWhereTorchsHubKeepsIt) {
  EXPECT_EQ(torch_vgg_weights(), folder_.path() / ".cache/torch" / kFile);
  environment_.set("XDG_CACHE_HOME", "/cache");
  EXPECT_EQ(torch_vgg_weights(), fs::path("/cache/torch") / kFile);
  environment_.set("TORCH_HOME", "/weights");
  EXPECT_EQ(torch_vgg_weights(), fs::path("/weights") / kFile);
  environment_.set("TORCH_HOME", "~/weights");
  EXPECT_EQ(torch_vgg_weights(), folder_.path() / "weights" / kFile);
  environment_.set("TORCH_HOME", "");
  environment_.set("XDG_CACHE_HOME", "");
  EXPECT_EQ(torch_vgg_weights(), folder_.path() / ".cache/torch" / kFile) << "empty is as good as not set";
}

TEST_F(VggWeightsFile, IsTakenWhereItIsAndTheGivenOneBeforeIt) {
  TrainConfig config;
  EXPECT_TRUE(find_vgg_weights(config).file.empty());
  const fs::path own = folder_.write(std::string(".cache/torch/") + kFile, "weights");
  EXPECT_EQ(find_vgg_weights(config).file, own);
  EXPECT_FALSE(find_vgg_weights(config).given);
  config.perceptual_weights_file = "mine.safetensors";
  EXPECT_EQ(find_vgg_weights(config).file, "mine.safetensors") << "also where it is missing, which is then an error";
  EXPECT_TRUE(find_vgg_weights(config).given);
  config.perceptual_weights_file = "random";
  EXPECT_TRUE(find_vgg_weights(config).file.empty());
  EXPECT_THAT(describe(find_vgg_weights(config)).en, HasSubstr("(perceptual_weights_file: random)"));
}

TEST_F(VggWeightsFile, IsSaidInOneSentence) {
  EXPECT_THAT(
      describe({"/w.pth", true}).en,
      AllOf(StartsWith("perceptual loss: "), HasSubstr("/w.pth (perceptual_weights_file)"), Not(HasSubstr("random"))));
  EXPECT_THAT(describe({"/w.pth", false}).en,
              AllOf(HasSubstr("/w.pth, where PyTorch keeps them"), Not(HasSubstr("random"))));
  EXPECT_THAT(describe({}).en, AllOf(StartsWith("perceptual loss: "),
                                     HasSubstr("random weights, because there is no " + torch_vgg_weights().string()),
                                     HasSubstr("perceptual_weights_file")));
  EXPECT_THAT(describe({}).zh, AllOf(StartsWith("感知损失："), HasSubstr(torch_vgg_weights().string())));
}

}  // namespace
}  // namespace wring
