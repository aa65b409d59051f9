#pragma once

// An eager engine of a tiny network on the CPU.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "wring/config/train_config.h"
#include "wring_train/data/batch_maker.h"
#include "wring_train/engine/faulty_engine.h"
#include "wring_train/engine/step_engine.h"

namespace wring::testing_support {

inline TrainConfig tiny_config() {
  TrainConfig config;
  config.base_channels = 8;
  config.num_blocks = 1;
  config.scale_factor = 2;
  config.lr = 1e-3;
  return config;
}

inline std::unique_ptr<StepEngine> make_engine(const TrainConfig& config, std::vector<std::string>* notes = nullptr) {
  return make_step_engine(config, Edsr({config.base_channels, config.num_blocks, config.scale_factor}, 3),
                          at::Device(at::kCPU), [notes](const Text& note) {
                            if (notes != nullptr) notes->push_back(note.en);
                          });
}

inline std::unique_ptr<StepEngine> make_engine(const TrainConfig& config, const Faults& faults, int rank = 0) {
  return std::make_unique<FaultyEngine>(make_engine(config), faults, rank);
}

inline double largest_difference(const Edsr& a, const Edsr& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.parameters().size(); ++i) {
    const at::Tensor difference = a.parameters()[i].tensor - b.parameters()[i].tensor;
    largest = std::max(largest, difference.abs().max().item<double>());
  }
  return largest;
}

inline void step(StepEngine& engine, const Batch& batch, double lr = 1e-3) {
  engine.step(std::span(&batch, 1), lr);
}

}  // namespace wring::testing_support
