#include "wring/tune/search/advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/tune/host_memory.h"

namespace wring {
namespace {

using testing::HasSubstr;

TrainConfig config_with(std::int64_t batch, const std::string& optimizer) {
  TrainConfig config;
  config.batch_size = batch;
  config.optimizer = optimizer;
  config.lr = 2e-4;
  return config;
}

std::string value_of(const BatchAdvice& advice, const std::string& key) {
  for (const Assignment& one : advice.changes) {
    if (one.key == key) return one.value;
  }
  return "";
}

TEST(BatchAdvice, ScalesByTheSquareRootForTheAdamFamily) {
  for (const char* optimizer : {"adam", "adamw", "adan"}) {
    const BatchAdvice advice = advise_batch(config_with(16, optimizer), 64);
    EXPECT_EQ(advice.rule, LrRule::square_root) << optimizer;
    EXPECT_DOUBLE_EQ(advice.lr_factor, 2);
    EXPECT_DOUBLE_EQ(advice.suggested_lr, 4e-4);
  }
}

TEST(BatchAdvice, ScalesLinearlyForSgd) {
  const BatchAdvice advice = advise_batch(config_with(16, "sgd"), 64);
  EXPECT_EQ(advice.rule, LrRule::linear);
  EXPECT_DOUBLE_EQ(advice.suggested_lr, 8e-4);
}

TEST(BatchAdvice, OnlyAdvisesUnlessAskedToScale) {
  const BatchAdvice advice = advise_batch(config_with(16, "adamw"), 64);
  EXPECT_EQ(value_of(advice, "batch_size"), "64");
  EXPECT_EQ(value_of(advice, "lr"), "");
  ASSERT_FALSE(advice.advice.empty());
  EXPECT_THAT(advice.advice.front().en, HasSubstr("lr 0.0004 goes with it; lr stays 0.0002"));

  const BatchAdvice scaled = advise_batch(config_with(16, "adamw"), 64, {.scale_lr = true});
  EXPECT_EQ(value_of(scaled, "lr"), "0.0004");
}

TEST(BatchAdvice, KeepsTheEffectiveBatchByAccumulation) {
  const BatchAdvice advice =
      advise_batch(config_with(64, "adamw"), 16, {.scale_lr = true, .keep_effective_batch = true});
  EXPECT_EQ(value_of(advice, "batch_size"), "16");
  EXPECT_EQ(value_of(advice, "gradient_accumulation_steps"), "4");
  EXPECT_EQ(value_of(advice, "lr"), "");
  EXPECT_DOUBLE_EQ(advice.new_effective_batch, 64);
}

TEST(BatchAdvice, CountsAnAccumulationThatIsThereAlready) {
  TrainConfig config = config_with(16, "adamw");
  config.gradient_accumulation_steps = 4;
  const BatchAdvice advice = advise_batch(config, 32, {.keep_effective_batch = true});
  EXPECT_EQ(value_of(advice, "gradient_accumulation_steps"), "2");
  EXPECT_DOUBLE_EQ(advice.lr_factor, 1);
}

TEST(BatchAdvice, CountsTheSamplesOfAllRanks) {
  const BatchAdvice advice = advise_batch(config_with(16, "adamw"), 64, {.ranks = 2});
  EXPECT_EQ(advice.old_effective_batch, 32);
  EXPECT_EQ(advice.new_effective_batch, 128);
  EXPECT_DOUBLE_EQ(advice.lr_factor, 2);
  ASSERT_FALSE(advice.advice.empty());
  EXPECT_THAT(advice.advice.front().en, HasSubstr("2 ranks of 64 make a global batch of 128"));

  const BatchAdvice kept = advise_batch(config_with(64, "adamw"), 16, {.keep_effective_batch = true, .ranks = 2});
  EXPECT_EQ(value_of(kept, "gradient_accumulation_steps"), "4");
  EXPECT_EQ(kept.new_effective_batch, 128);
}

TEST(BatchAdvice, AdvisesOnNoLearningRateThatTheConfigDoesNotName) {
  const BatchAdvice advice = advise_batch(config_with(16, "adamw"), 64, {.ours = false, .lr_named = false});
  EXPECT_TRUE(advice.advice.empty());
  EXPECT_EQ(value_of(advice, "batch_size"), "64");
}

TEST(BatchAdvice, GivesBothRulesWhereTheOptimiserIsNotKnown) {
  const BatchAdvice advice = advise_batch(config_with(16, "adamw"), 64, {.ours = false, .optimizer_named = false});
  ASSERT_EQ(advice.advice.size(), 1U);
  EXPECT_THAT(advice.advice[0].en, HasSubstr("with Adam and its family lr 0.0004 goes with it (square-root rule), with "
                                             "SGD 0.0008 (linear rule); lr stays 0.0002"));
  EXPECT_THAT(advice.advice[0].en, testing::Not(HasSubstr("adamw")));
}

TEST(BatchAdvice, SaysThatTheSameStepsSeeMoreSamples) {
  const BatchAdvice advice = advise_batch(config_with(16, "adamw"), 64, {.ranks = 2});
  EXPECT_EQ(advice.run_before, (RunLength{100000, 32, 128}));
  EXPECT_EQ(advice.run_after, (RunLength{100000, 128, 128}));
  EXPECT_THAT(advice.advice.back().en, HasSubstr("keeps its 100000 steps, and so sees 4 × the samples; wring benchmark "
                                                 "--same-samples keeps the samples instead, in 25000 steps"));
  EXPECT_EQ(value_of(advice, "total_iters"), "");
}

TEST(BatchAdvice, KeepsTheSamplesOfTheRunWhenAsked) {
  TrainConfig config = config_with(16, "adamw");
  config.warmup_iters = 400;
  config.milestones = {40000, 80000};
  const BatchAdvice advice = advise_batch(config, 64, {.same_samples = true});
  EXPECT_EQ(value_of(advice, "total_iters"), "25000");
  EXPECT_EQ(value_of(advice, "warmup_iters"), "100");
  EXPECT_EQ(value_of(advice, "val_freq"), "250");
  EXPECT_EQ(value_of(advice, "checkpoint_freq"), "250");
  EXPECT_EQ(value_of(advice, "milestones"), "[10000, 20000]");
  EXPECT_DOUBLE_EQ(advice.run_after.samples(), advice.run_before.samples());
  for (const Text& text : advice.advice) EXPECT_THAT(text.en, testing::Not(HasSubstr("--same-samples")));
}

TEST(BatchAdvice, AnEffectiveBatchThatIsKeptKeepsTheRunToo) {
  const BatchAdvice advice =
      advise_batch(config_with(64, "adamw"), 16, {.keep_effective_batch = true, .same_samples = true});
  EXPECT_EQ(value_of(advice, "total_iters"), "");
  EXPECT_EQ(advice.run_before, advice.run_after);
}

TEST(BatchAdvice, HasNothingToSayWhereNothingChanges) {
  const BatchAdvice advice = advise_batch(config_with(16, "adamw"), 16);
  EXPECT_TRUE(advice.changes.empty());
  EXPECT_TRUE(advice.advice.empty());
}

TEST(HostMemory, HoldsWhatTheWorkersPrepareAndTheBatchInHand) {
  const LoaderQueues queues{.num_workers = 4, .prefetch_factor = 2, .sample_bytes = 1000};
  EXPECT_DOUBLE_EQ(loader_bytes(queues, 10), 9 * 10 * 1000);
  EXPECT_EQ(host_memory_limit(queues, 2 * 90000), 10);
  EXPECT_EQ(host_memory_limit(queues, 1000), 0);
}

TEST(HostMemory, LimitsNothingThatItDoesNotKnow) {
  EXPECT_FALSE(host_memory_limit({.num_workers = 4, .prefetch_factor = 2, .sample_bytes = 0}, 1000));
  EXPECT_FALSE(host_memory_limit({.num_workers = 4, .prefetch_factor = 2, .sample_bytes = 10}, std::nullopt));
}

}  // namespace
}  // namespace wring
