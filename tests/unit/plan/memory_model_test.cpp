#include "wring/plan/memory_model.h"

#include <gtest/gtest.h>

namespace wring {
namespace {

TrainConfig network(std::int64_t channels, std::int64_t blocks, std::int64_t scale) {
  TrainConfig config;
  config.base_channels = channels;
  config.num_blocks = blocks;
  config.scale_factor = scale;
  return config;
}

// EDSR-baseline has 1.37 M parameters at ×2, 1.55 M at ×3 and 1.52 M at ×4 (Lim et al. 2017).
TEST(MemoryModel, CountsTheParametersOfPublishedNetworks) {
  EXPECT_NEAR(edsr_parameter_count(network(64, 16, 2)), 1.37e6, 0.005e6);
  EXPECT_NEAR(edsr_parameter_count(network(64, 16, 3)), 1.55e6, 0.01e6);
  EXPECT_NEAR(edsr_parameter_count(network(64, 16, 4)), 1.52e6, 0.005e6);
}

TEST(MemoryModel, AgreesWithAMeasuredStepWithinFivePercent) {
  TrainConfig config = network(128, 12, 4);
  config.patch_size = 256;
  config.batch_size = 64;
  config.use_mixed_precision = true;
  EXPECT_NEAR(training_memory_mib(config), 5528.0, 0.05 * 5528.0);
}

TEST(MemoryModel, GrowsInProportionToTheBatchBesideTheWeights) {
  TrainConfig config = network(64, 16, 4);
  const auto at = [&](std::int64_t batch) {
    config.batch_size = batch;
    return training_memory_mib(config);
  };
  EXPECT_NEAR(at(32) - at(16), at(16) - at(8) + at(24) - at(16), 1e-6);
  EXPECT_GT(at(8), 1.52 * 20);  // the weights, their gradients, moments and average alone
}

TEST(MemoryModel, HalvesTheActivationsInMixedPrecision) {
  TrainConfig config = network(64, 16, 4);
  config.batch_size = 256;  // beside which the weights hardly count
  const double full = training_memory_mib(config);
  config.use_mixed_precision = true;
  EXPECT_LT(training_memory_mib(config), 0.55 * full);
}

TEST(MemoryModel, ChargesForThePerceptualLossAndForLargerScales) {
  TrainConfig config = network(64, 16, 1);
  double last = training_memory_mib(config);
  for (const std::int64_t scale : {2, 4, 8}) {
    config.scale_factor = scale;
    config.patch_size = 128 * scale;  // the same low-resolution patch
    EXPECT_GT(training_memory_mib(config), last) << scale;
    last = training_memory_mib(config);
  }
  config.use_perceptual = true;
  EXPECT_GT(training_memory_mib(config), last + 100);
}

}  // namespace
}  // namespace wring
