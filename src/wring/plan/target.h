#pragma once
#include <cstdint>
#include <span>

#include "wring/base/text.h"
#include "wring/config/train_config.h"
#include "wring/plan/machine.h"

namespace wring {

// One row of the guide's table: what a card of this much memory is given.
struct Tier {
  double memory_gb;
  std::int64_t batch_size;
  std::int64_t base_channels;
  std::int64_t num_blocks;
  std::int64_t patch_size;
  std::int64_t num_workers;
  bool use_perceptual;
};

// From the largest card to the smallest; the last row takes every card.
std::span<const Tier> tiers();

// What the rules raise a config to.
struct Target {
  Tier values;
  Text label;  // how a reason begins: "24 GB card", "no GPU known"
};

// The tier of a card that reports this much. Cards report less than the number on the box: up to 7 % where
// ECC takes its share (an A10 of 24 GB reports 22.5 GiB).
const Tier& tier_of(double memory_gib);

// The card's tier, or for a machine without a card the guide's basic mode: what is below its floors (batch
// 32, 64 channels) is doubled until it reaches them, so that a second run changes nothing.
Target target_for(const Machine& machine, const TrainConfig& config);

}  // namespace wring
