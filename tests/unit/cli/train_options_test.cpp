#include "wring/cli/train_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/temporary_folder.h"

namespace wring {
namespace {

using testing::ElementsAre;
using testing_support::TemporaryFolder;

class TrainProgram : public testing::Test {
 protected:
  void SetUp() override {
    config_ = folder_.write("a.yaml", "");
    checkpoint_ = folder_.write("net.safetensors", "");
    image_ = folder_.write("images/a.png", "");
    images_ = folder_.path() / "images";
  }
  static TrainRequest parse(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "wring-train");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    return parse_train_program(static_cast<int>(argv.size()), argv.data());
  }
  template <typename Options>
  static Options options_of(const std::vector<std::string>& arguments) {
    testing::internal::CaptureStderr();
    const TrainRequest request = parse(arguments);
    const std::string err = testing::internal::GetCapturedStderr();
    if (const auto* options = std::get_if<Options>(&request)) return *options;
    ADD_FAILURE() << "refused: " << err;
    return {};
  }
  // The exit code and what stands on standard error.
  static std::pair<int, std::string> refusal(const std::vector<std::string>& arguments) {
    testing::internal::CaptureStderr();
    const TrainRequest request = parse(arguments);
    const std::string err = testing::internal::GetCapturedStderr();
    const int* code = std::get_if<int>(&request);
    return {code != nullptr ? *code : -1, err};
  }

  TemporaryFolder folder_;
  std::string config_, checkpoint_, image_, images_;
};

TEST_F(TrainProgram, TrainHasDefaults) {
  const auto options = options_of<TrainOptions>({"train", config_});
  EXPECT_EQ(options.config, config_);
  EXPECT_FALSE(options.resume);
  EXPECT_TRUE(options.set.empty());
  EXPECT_EQ(options.device, Device::automatic);
  EXPECT_EQ(options.experiments, "experiments");
}

TEST_F(TrainProgram, TrainTakesEveryOption) {
  const auto options = options_of<TrainOptions>({"--lang", "zh", "train", "--resume", "--device", "cpu", config_,
                                                 "--experiments", "runs", "--quiet", "--color=never"});
  EXPECT_TRUE(options.resume);
  EXPECT_EQ(options.device, Device::cpu);
  EXPECT_EQ(options.experiments, "runs");
  EXPECT_EQ(options.common.language, Language::zh);
  EXPECT_TRUE(options.common.quiet);
  EXPECT_EQ(options.common.color, "never");
}

TEST_F(TrainProgram, SetTakesOneOrSeveralPairsAndLeavesTheConfigAlone) {
  EXPECT_THAT(options_of<TrainOptions>({"train", "--set", "batch_size=8", "lr=1e-4", config_, "--set", "seed=3"}).set,
              ElementsAre("batch_size=8", "lr=1e-4", "seed=3"));
  EXPECT_THAT(options_of<TrainOptions>({"train", config_, "--set=experiment_name=a b"}).set,
              ElementsAre("experiment_name=a b"));
}

TEST_F(TrainProgram, DataFoldersBecomeValuesOfTheConfig) {
  EXPECT_THAT(options_of<TrainOptions>({"train", config_, "--val-lr", images_, "--train-hr", images_, "--train-lr",
                                        images_, "--val-hr", images_})
                  .set,
              ElementsAre("train_hr_dir=" + images_, "train_lr_dir=" + images_, "val_hr_dir=" + images_,
                          "val_lr_dir=" + images_));
}

TEST_F(TrainProgram, TrainRefusesWhatCannotWork) {
  EXPECT_EQ(refusal({"train", "/nonexistent/a.yaml"}).first, 1);
  EXPECT_EQ(refusal({"train", config_, "--set", "batch_size"}).first, 2);
  EXPECT_EQ(refusal({"train", config_, "--device", "tpu"}).first, 2);
  const auto [code, err] = refusal({"train", config_, "--train-hr", "/nonexistent/images"});
  EXPECT_EQ(code, 1);
  EXPECT_THAT(err, testing::HasSubstr("/nonexistent/images does not exist"));
}

TEST_F(TrainProgram, EvaluateTakesACheckpointAndAFolder) {
  const auto options = options_of<EvaluateOptions>({"evaluate", checkpoint_, images_, "--lr", images_, "--save", "out",
                                                    "--compare", "side.png", "--json", "--device", "cuda"});
  EXPECT_EQ(options.checkpoint, checkpoint_);
  EXPECT_EQ(options.folder, images_);
  EXPECT_EQ(options.lr_folder, images_);
  EXPECT_EQ(options.save_folder, "out");
  EXPECT_EQ(options.compare, "side.png");
  EXPECT_TRUE(options.json);
  EXPECT_EQ(options.device, Device::cuda);
}

TEST_F(TrainProgram, EvaluateTakesBicubicWithAScale) {
  const auto options = options_of<EvaluateOptions>({"evaluate", "--bicubic", "--scale", "2", images_});
  EXPECT_FALSE(options.checkpoint);
  EXPECT_EQ(options.folder, images_);
  EXPECT_EQ(options.scale, 2);
}

TEST_F(TrainProgram, EvaluateRefusesWhatCannotWork) {
  EXPECT_EQ(refusal({"evaluate", images_}).first, 2);
  EXPECT_EQ(refusal({"evaluate", "--bicubic", checkpoint_, images_}).first, 2);
  EXPECT_EQ(refusal({"evaluate", "--bicubic", "--scale", "5", images_}).first, 2);
  EXPECT_EQ(refusal({"evaluate", checkpoint_, images_, "--scale", "4"}).first, 2);
  EXPECT_EQ(refusal({"evaluate", checkpoint_, images_, "--compare", "side.jpg"}).first, 2);
  EXPECT_EQ(refusal({"evaluate", checkpoint_, image_}).first, 1);
  const auto [code, err] = refusal({"evaluate", "/nonexistent/net.safetensors", images_});
  EXPECT_EQ(code, 1);
  EXPECT_THAT(err, testing::HasSubstr("wring train CONFIG"));
}

TEST_F(TrainProgram, UpscaleTakesAFileOrAFolder) {
  const auto options = options_of<UpscaleOptions>({"upscale", checkpoint_, image_, "-o", "big.png", "--tile", "0"});
  EXPECT_EQ(options.checkpoint, checkpoint_);
  EXPECT_EQ(options.input, image_);
  EXPECT_EQ(options.output, "big.png");
  EXPECT_EQ(options.tile, 0);
  EXPECT_EQ(options_of<UpscaleOptions>({"upscale", checkpoint_, images_}).input, images_);
}

TEST_F(TrainProgram, UpscaleRefusesWhatCannotWork) {
  EXPECT_EQ(refusal({"upscale", checkpoint_}).first, 2);
  EXPECT_EQ(refusal({"upscale", checkpoint_, image_, "--tile=-1"}).first, 2);
  EXPECT_EQ(refusal({"upscale", checkpoint_, "/nonexistent.png"}).first, 1);
}

TEST_F(TrainProgram, WithoutAKnownCommandItIsWrongUsage) {
  EXPECT_EQ(refusal({}).first, 2);
  const auto [code, err] = refusal({"trian", config_});
  EXPECT_EQ(code, 2);
  EXPECT_THAT(err, testing::HasSubstr("'train'"));
}

}  // namespace
}  // namespace wring
