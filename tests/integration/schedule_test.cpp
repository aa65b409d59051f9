#include "wring_train/engine/schedule.h"

#include <gtest/gtest.h>

namespace wring {
namespace {

TrainConfig config_with(const std::string& scheduler) {
  TrainConfig config;
  config.scheduler = scheduler;
  config.lr = 1e-3;
  config.eta_min = 1e-5;
  config.total_iters = 1000;
  return config;
}

TEST(Schedule, ConstantNeverChanges) {
  const TrainConfig config = config_with("constant");
  EXPECT_DOUBLE_EQ(learning_rate(config, 0), 1e-3);
  EXPECT_DOUBLE_EQ(learning_rate(config, 999), 1e-3);
}

TEST(Schedule, CosineGoesFromLrThroughTheMeanToEtaMin) {
  const TrainConfig config = config_with("cosine");
  EXPECT_DOUBLE_EQ(learning_rate(config, 0), 1e-3);
  EXPECT_NEAR(learning_rate(config, 500), (1e-3 + 1e-5) / 2, 1e-12);
  EXPECT_NEAR(learning_rate(config, 1000), 1e-5, 1e-12);
}

TEST(Schedule, WarmupRisesLinearlyAndIsNeverZero) {
  TrainConfig config = config_with("cosine");
  config.warmup_iters = 10;
  EXPECT_DOUBLE_EQ(learning_rate(config, 0), 1e-4);
  EXPECT_DOUBLE_EQ(learning_rate(config, 4), 5e-4);
  EXPECT_DOUBLE_EQ(learning_rate(config, 10), 1e-3);
}

TEST(Schedule, MultistepMultipliesByGammaAtEachMilestone) {
  TrainConfig config = config_with("multistep");
  config.milestones = {100, 200};
  config.gamma = 0.5;
  EXPECT_DOUBLE_EQ(learning_rate(config, 99), 1e-3);
  EXPECT_DOUBLE_EQ(learning_rate(config, 100), 5e-4);
  EXPECT_DOUBLE_EQ(learning_rate(config, 999), 2.5e-4);
}

}  // namespace
}  // namespace wring
