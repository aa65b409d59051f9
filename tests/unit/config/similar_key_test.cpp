#include "wring/config/similar_key.h"

#include <gtest/gtest.h>

#include "wring/config/keys.h"

namespace wring {
namespace {

TEST(SimilarKey, FindsAKeyThatIsMisspelt) {
  EXPECT_EQ(similar_key("batchsize"), "batch_size");
  EXPECT_EQ(similar_key("n_workers"), "num_workers");
  EXPECT_EQ(similar_key("bacth_size"), "batch_size");
  EXPECT_EQ(similar_key("Batch-Size"), "batch_size");
  EXPECT_EQ(similar_key("LR"), "lr");
}

TEST(SimilarKey, KnowsWhatOtherProgramsCallIt) {
  EXPECT_EQ(similar_key("learning_rate"), "lr");
  EXPECT_EQ(similar_key("batch_size_per_gpu"), "batch_size");
  EXPECT_EQ(similar_key("per_device_train_batch_size"), "batch_size");
  EXPECT_EQ(similar_key("accumulate_grad_batches"), "gradient_accumulation_steps");
  EXPECT_EQ(similar_key("max_grad_norm"), "grad_clip");
}

TEST(SimilarKey, WhatItNamesIsAlwaysAKey) {
  for (const char* other : {"learning_rate", "lr_min", "workers", "upscale", "n_feats", "n_resblocks", "gt_size",
                            "max_iters", "warmup_steps", "amp", "torch_compile", "manual_seed", "val_interval",
                            "save_freq", "print_freq", "exp_name", "batch"}) {
    EXPECT_NE(find_key(similar_key(other)), nullptr) << other;
  }
}

TEST(SimilarKey, LeavesKeysAndWordsOfNoLikenessAlone) {
  for (const Key& key : keys()) EXPECT_EQ(similar_key(key.name), "") << key.name;
  for (const char* other : {"team_note", "my_key", "name", "id", "a", "gpu", "epochs", "zzzzzzzz", "note", ""}) {
    EXPECT_EQ(similar_key(other), "") << other;
  }
}

}  // namespace
}  // namespace wring
