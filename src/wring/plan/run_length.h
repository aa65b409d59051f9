#pragma once
#include <array>
#include <cstdint>
#include <string>

#include "wring/base/text.h"
#include "wring/config/train_config.h"

namespace wring {

// What a whole training run sees. A sample is one patch.
struct RunLength {
  std::int64_t total_iters = 0;       // optimiser steps
  std::int64_t samples_per_step = 0;  // batch_size × gradient_accumulation_steps, of all ranks
  std::int64_t patch_size = 0;        // HR pixels on a side

  double pixels_per_step() const;  // HR
  double samples() const;
  double pixels() const;  // HR
  bool operator==(const RunLength&) const = default;
};

RunLength run_length(const TrainConfig& config, int ranks = 1);

// Of the training steps at this rate; validations and checkpoints come on top.
double run_hours(const RunLength& run, double samples_per_s);

// The keys that count a run's steps and are scaled with it.
inline constexpr std::array<const char*, 5> kRunLengthKeys = {"total_iters", "warmup_iters", "val_freq",
                                                              "checkpoint_freq", "milestones"};

// `after` with the values of kRunLengthKeys scaled to whole steps, so that its run sees as many pixels as that of
// `before`. The schedule stays one that check_combinations() accepts.
TrainConfig with_same_pixels(const TrainConfig& before, TrainConfig after);

// "1.6 million samples before (100000 steps of 16), 25.6 million after (…): 16 × the samples, 64 × the pixels".
Text run_length_text(const RunLength& before, const RunLength& after);

// That ema_decay averages over too much of a run that was shortened, with the value for the same share of it; empty
// where it does not.
Text average_note(const TrainConfig& before, const TrainConfig& after);

// "16", "0.25", "1250": of one number to another.
std::string ratio_text(double ratio);

// "3.1 h", "12 min", "40 s".
Text hours_text(double hours);

}  // namespace wring
