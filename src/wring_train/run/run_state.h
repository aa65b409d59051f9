#pragma once
#include <cstdint>
#include <filesystem>
#include <limits>

#include "wring_train/engine/step_engine.h"

namespace wring {

// Where a run stands, beside the engine's tensors.
struct Progress {
  std::int64_t step = 0;                                        // optimiser steps done
  double best_psnr = -std::numeric_limits<double>::infinity();  // dB, on the validation set
  std::int64_t best_step = 0;
  std::int64_t validations_without_gain = 0;
  std::int64_t parts = 1;  // micro-batches that a batch is cut into, since a whole one did not fit into the memory
};

// Writes engine and progress to one safetensors file, whole or not at all.
void save_run_state(const std::filesystem::path& path, const StepEngine& engine, const Progress& progress);

// Throws Error{failed} naming the file when it is damaged or belongs to another network.
Progress load_run_state(const std::filesystem::path& path, StepEngine& engine);

// Writes the network to use (the average where there is one); the metadata say what it is.
void save_network(const std::filesystem::path& path, const Edsr& network, std::int64_t step);

}  // namespace wring
