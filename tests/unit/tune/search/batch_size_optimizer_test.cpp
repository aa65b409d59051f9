#include "wring/tune/search/batch_size_optimizer.h"

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/tune/search/simulated_gpu.h"
#include "wring/base/error.h"

namespace wring {
namespace {

TEST(BatchSizeOptimizer, ReadsAsTheGuideShowsIt) {
  SimulatedCard card;
  card.sample_ms = 0.3;
  SimulatedGpu model(card);
  TrainConfig config;
  BatchSearchOptions minute;
  minute.budget_s = 60;
  BatchSizeOptimizer optimizer(model, config, minute, model.control());
  const auto [batch_size, stats] = optimizer.find_optimal_batch_size(SampleData{}, 85.0);
  EXPECT_EQ(stats.batch, batch_size);
  EXPECT_TRUE(stats.soaked);
  EXPECT_EQ(stats.target_util_met, true);  // the simulated card shows 96 %
  EXPECT_GE(card.rate(batch_size), 0.97 * card.rate(1096));
}

TEST(BatchSizeOptimizer, StartsAtTheConfigsBatch) {
  SimulatedGpu model({});
  TrainConfig config;
  config.batch_size = 48;
  BatchSizeOptimizer(model, config, {}, model.control()).find_optimal_batch_size();
  EXPECT_EQ(value_of(model.asked().at(0), "batch_size"), "48");
}

TEST(BatchSizeOptimizer, StaysWithinTheHostsMemory) {
  SimulatedCard card;
  card.sample_ms = 0.001;
  TrainConfig config;
  config.num_workers = 4;
  config.prefetch_factor = 2;
  SimulatedGpu small_host(card);
  const SampleData samples{.bytes = 1000, .host_available_bytes = 2 * 9 * 1000 * 32};
  EXPECT_EQ(
      BatchSizeOptimizer(small_host, config, {}, small_host.control()).find_optimal_batch_size(samples).batch_size, 32);
}

TEST(BatchSizeOptimizer, ThrowsTheReasonWhenNothingFits) {
  SimulatedCard card;
  card.capacity_mib = 100;
  SimulatedGpu model(card);
  try {
    BatchSizeOptimizer(model, TrainConfig(), {}, model.control()).find_optimal_batch_size();
    FAIL() << "nothing fits";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::failed);
    EXPECT_THAT(error.message().en, testing::HasSubstr("Not even batch 1 fits"));
    EXPECT_FALSE(error.hint().empty());
  }
}

TEST(BatchSizeOptimizer, OwnsARunnerThatIsGivenToIt) {
  auto runner = std::make_unique<SimulatedGpu>(SimulatedCard{});
  SearchControl control = runner->control();
  BatchSizeOptimizer optimizer(std::move(runner), TrainConfig(), {}, control);
  EXPECT_GT(optimizer.find_optimal_batch_size().batch_size, 0);
}

}  // namespace
}  // namespace wring
