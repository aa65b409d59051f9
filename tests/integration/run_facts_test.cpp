#include "wring_train/train/run_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring_train/train/training_data.h"

namespace wring {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RunFactsTest : public testing::Test {
 protected:
  static TrainingImages images(std::size_t count, const std::string& files, const std::string& pixels) {
    TrainingImages images;
    images.train.pairs.resize(count);
    images.files_digest = files;
    images.pixels_digest = pixels;
    return images;
  }
  static std::vector<std::string> told(const RunFacts& before, const RunFacts& now) {
    std::vector<std::string> lines;
    for (const Text& line : changed_facts(before, now)) lines.push_back(line.en);
    return lines;
  }
  RunFacts before_ = run_facts(TrainConfig(), images(12, "a", "b"), 1);
};

TEST_F(RunFactsTest, NothingIsToldWhereNothingHasChanged) {
  TrainConfig config;
  config.num_workers = 9;  // changes no weight
  config.experiment_name = "another";
  config.data_dir = "moved";
  EXPECT_THAT(told(before_, run_facts(config, images(12, "a", "b"), 1)), IsEmpty());
}

TEST_F(RunFactsTest, EachKeyThatHasChangedIsALine) {
  TrainConfig config;
  config.seed = 7;
  config.loss = "mse";
  config.patch_size = 64;
  EXPECT_THAT(told(before_, run_facts(config, images(12, "a", "b"), 2)),
              ElementsAre(HasSubstr("loss has changed since that checkpoint: it was l1, it is mse"),
                          HasSubstr("patch_size has changed since that checkpoint: it was 128, it is 64"),
                          HasSubstr("ranks has changed since that checkpoint: it was 1, it is 2"),
                          HasSubstr("seed has changed since that checkpoint: it was 0, it is 7")));
}

TEST_F(RunFactsTest, ImagesThatHaveChangedAreOneLine) {
  const auto now = [](const TrainingImages& images) { return run_facts(TrainConfig(), images, 1); };
  EXPECT_THAT(told(before_, now(images(11, "c", "d"))), ElementsAre(HasSubstr("there were 12, there are 11")));
  EXPECT_THAT(told(before_, now(images(12, "c", "d"))), ElementsAre(HasSubstr("not the same files")));
  EXPECT_THAT(told(before_, now(images(12, "a", "d"))), ElementsAre(HasSubstr("other pixels")));
  EXPECT_THAT(told(before_, now(images(12, "a", ""))), IsEmpty());  // not decoded at the start: not known
}

TEST_F(RunFactsTest, AStateOfAnEarlierVersionTellsNothing) {
  EXPECT_THAT(told({}, before_), IsEmpty());
}

TEST_F(RunFactsTest, TravelInAStatesMetadata) {
  std::map<std::string, std::string> metadata = {{"step", "12"}};
  metadata.insert(before_.begin(), before_.end());
  EXPECT_EQ(facts_in(metadata), before_);
}

TEST_F(RunFactsTest, AreTextThatMetadataCanHold) {
  TrainConfig config;
  config.perceptual_weights_file = "vgg\xff.safetensors";
  EXPECT_THAT(run_facts(config, images(1, "a", "b"), 1).at("run.perceptual_weights_file"),
              HasSubstr("vgg\\xff.safetensors"));
}

}  // namespace
}  // namespace wring
