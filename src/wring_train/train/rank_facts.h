#pragma once
#include <string>

#include "wring/base/text.h"
#include "wring/config/train_config.h"
#include "wring_train/dist/ranks.h"

namespace wring {

struct TrainingImages;

// What the ranks compare as they meet: the versions of wring and torch, and every key of the config that the training
// follows from. How a machine feeds its GPU (workers, caches) and where its files lie may differ.
RankFacts config_facts(const TrainConfig& config);
extern const Text kEqualConfigs;  // what to do where they differ

// Compares what a start has found beyond the config: the images and the engine, which rounds in its own way. Throws
// Error{failed} on every rank where they differ. Before the first step.
void require_equal_start(Ranks& ranks, const TrainingImages& images, const std::string& engine);

}  // namespace wring
