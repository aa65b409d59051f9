#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "wring_train/engine/step_engine.h"

namespace wring {

// What goes wrong in a run, for tests on machines without a GPU.
struct Faults {
  // Micro-batches of more samples than `largest` find no memory, once `from_step` optimiser steps are done; on one rank
  // alone where it is given.
  struct MemoryLimit {
    std::int64_t largest = 0;
    std::int64_t from_step = 0;
    std::optional<int> rank;
    bool operator==(const MemoryLimit&) const = default;
  };
  // The loss of batches `first` to `last` is NaN, at learning rates above `above_lr` alone: training that is unstable
  // until it is slowed down.
  struct NanLoss {
    std::int64_t first = 0;
    std::int64_t last = 0;
    double above_lr = 0;
    bool operator==(const NanLoss&) const = default;
  };
  std::optional<MemoryLimit> memory_limit;
  std::optional<NanLoss> nan_loss;

  bool any() const { return memory_limit || nan_loss; }
};

// memory_limit: SIZE, SIZE@STEP, SIZE/RANK or SIZE@STEP/RANK; nan_loss: FIRST-LAST or FIRST-LAST:LR. Empty: none.
Faults read_faults(const std::string& memory_limit, const std::string& nan_loss);
// Of WRING_TEST_OOM_ABOVE_BATCH and WRING_TEST_NAN_LOSS.
Faults faults_of_environment();

// An engine on the CPU whose steps meet these faults. The engine itself knows nothing of it: LibTorch's allocator finds
// no room, and a weight is NaN, while the step runs.
class FaultyEngine : public StepEngine {
 public:
  FaultyEngine(std::unique_ptr<StepEngine> engine, const Faults& faults, int rank);

  void step(std::span<const Batch> micro_batches, double lr) override;

  std::string name() const override { return engine_->name(); }
  const std::string& optimizer() const override { return engine_->optimizer(); }
  void use_images(std::shared_ptr<const DeviceImages> images, const kernels::SamplerSettings& settings) override {
    engine_->use_images(std::move(images), settings);
  }
  StepReport report() override { return engine_->report(); }
  std::int64_t unstable_in_row() const override { return engine_->unstable_in_row(); }
  const Edsr& model() const override { return engine_->model(); }
  const Edsr& averaged() const override { return engine_->averaged(); }
  std::int64_t replayed_memory_bytes() const override { return engine_->replayed_memory_bytes(); }
  std::vector<NamedTensor> state() const override { return engine_->state(); }
  void load_state(const LoadedTensors& state, const std::filesystem::path& source) override {
    engine_->load_state(state, source);
  }

 private:
  bool finds_no_memory(std::span<const Batch> micro_batches) const;
  bool has_nan_loss(std::span<const Batch> micro_batches, double lr) const;

  std::unique_ptr<StepEngine> engine_;
  Faults faults_;
  int rank_;
};

}  // namespace wring
