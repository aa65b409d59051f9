#pragma once
// Engines of one small network from one seed, trained on the same batches and compared.
#include <cmath>
#include <vector>

#include "../integration/random_batch.h"
#include "gpu_test.h"
#include "wring_train/engine/step_engine.h"
#include "wring_train/kernels/available.h"

namespace wring {

class GraphEngineTest : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    if (!IsSkipped() && !kernels::available()) GTEST_SKIP() << "This build has no CUDA sources.";
    at::globalContext().setDeterministicCuDNN(true);
  }
  void TearDown() override { at::globalContext().setDeterministicCuDNN(false); }

  static TrainConfig small_config() {
    TrainConfig config;
    config.base_channels = 32;
    config.num_blocks = 2;
    config.scale_factor = 4;
    config.batch_size = 4;
    config.patch_size = 64;
    config.grad_clip = 1.0;
    config.weight_decay = 0.01;
    config.compile_model = true;
    return config;
  }

  static std::unique_ptr<StepEngine> engine(TrainConfig config, bool graph) {
    config.compile_model = graph;
    return make_step_engine(config, Edsr({config.base_channels, config.num_blocks, config.scale_factor}, 3),
                            at::Device(at::kCUDA, 0), [](const Text&) {});
  }

  static std::vector<Batch> batches(const TrainConfig& config, int count) {
    std::vector<Batch> result;
    for (int i = 0; i < count; ++i) {
      result.push_back(random_batch(static_cast<int>(config.batch_size),
                                    static_cast<int>(config.patch_size / config.scale_factor),
                                    static_cast<int>(config.scale_factor), static_cast<std::uint64_t>(10 * i)));
      result.back().step = i;
    }
    return result;
  }

  // The loss of each step.
  static std::vector<double> train(StepEngine& engine, const std::vector<Batch>& batches, int steps, int first = 0,
                                   double lr = 1e-4) {
    std::vector<double> losses;
    for (int i = first; i < first + steps; ++i) {
      engine.step(std::span(&batches[static_cast<std::size_t>(i) % batches.size()], 1), lr);
      losses.push_back(engine.report().loss);
    }
    return losses;
  }

  static double largest_relative_difference(const std::vector<double>& a, const std::vector<double>& b) {
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]) / std::abs(b[i]));
    return largest;
  }

  static double parameter_difference(const Edsr& a, const Edsr& b) {
    double largest = 0;
    for (std::size_t i = 0; i < a.parameters().size(); ++i) {
      largest = std::max(largest, relative_difference(a.parameters()[i].tensor, b.parameters()[i].tensor));
    }
    return largest;
  }

  static LoadedTensors saved(const StepEngine& engine) {
    LoadedTensors loaded;
    for (const NamedTensor& named : engine.state()) loaded.tensors[named.name] = named.tensor.to(at::kCPU).clone();
    return loaded;
  }
};

}  // namespace wring
