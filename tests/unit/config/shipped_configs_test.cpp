#include <filesystem>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/config/reader.h"

namespace wring {
namespace {
namespace fs = std::filesystem;

const fs::path kFolder = fs::path(WRING_SOURCE_DIR) / "configs";

TrainConfig shipped(const char* name) {
  return read_config(kFolder / name, UnknownKeys::reject).values;
}

TEST(ShippedConfigs, AllOfThemCanBeTrainedAsTheyAre) {
  int count = 0;
  for (const auto& file : fs::directory_iterator(kFolder)) {
    if (file.path().extension() != ".yaml") continue;
    const ConfigFile config = read_config(file.path(), UnknownKeys::reject);
    EXPECT_NO_THROW(check_combinations(config.values, file.path())) << file.path();
    ++count;
  }
  EXPECT_GE(count, 6);
}

struct Guide {
  const char* file;
  std::int64_t batch, channels, blocks, patch, workers;
  bool mixed, perceptual;
  std::optional<bool> compile;
};

class GuidesConfig : public testing::TestWithParam<Guide> {};

TEST_P(GuidesConfig, HasTheGuidesValues) {
  const Guide& guide = GetParam();
  const TrainConfig config = shipped(guide.file);
  EXPECT_EQ(config.batch_size, guide.batch);
  EXPECT_EQ(config.base_channels, guide.channels);
  EXPECT_EQ(config.num_blocks, guide.blocks);
  EXPECT_EQ(config.patch_size, guide.patch);
  EXPECT_EQ(config.num_workers, guide.workers);
  EXPECT_EQ(config.use_mixed_precision, guide.mixed);
  EXPECT_EQ(config.use_perceptual, guide.perceptual);
  EXPECT_EQ(config.compile_model, guide.compile);
}

INSTANTIATE_TEST_SUITE_P(Files, GuidesConfig,
                         testing::Values(Guide{"lightweight_config.yaml", 16, 32, 4, 128, 0, false, false, false},
                                         Guide{"high_performance.yaml", 64, 128, 12, 256, 12, true, true, true},
                                         Guide{"balanced.yaml", 32, 96, 8, 192, 8, true, true, std::nullopt},
                                         Guide{"lightweight_optimized.yaml", 16, 64, 6, 128, 6, true, false,
                                               std::nullopt}),
                         [](const auto& test) { return fs::path(test.param.file).stem().string(); });

TEST(ShippedConfigs, EdsrBaselineIsThePublishedNetwork) {
  const TrainConfig config = shipped("edsr_baseline_x4.yaml");
  EXPECT_EQ(config.base_channels, 64);
  EXPECT_EQ(config.num_blocks, 16);
  EXPECT_EQ(config.patch_size, 192);
  EXPECT_EQ(config.batch_size, 16);
  EXPECT_EQ(config.loss, "l1");
}

}  // namespace
}  // namespace wring
