// The graph engine against the eager one, from the same seed on the same batches.
#include <limits>

#include <ATen/DeviceAccelerator.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "graph_engine_fixture.h"
#include "wring/base/error.h"
#include "wring_train/engine/memory_error.h"

namespace wring {
namespace {

// Work for some hundred milliseconds on every stream that the engine may get.
void keep_the_streams_busy() {
  const at::Tensor factor = at::ones({8192, 8192}, at::TensorOptions(at::kCUDA));
  at::accelerator::synchronizeDevice(0);
  const c10::impl::VirtualGuardImpl streams(at::kCUDA);
  for (int i = 0; i < 32; ++i) {  // so many are in c10's pool
    const c10::StreamGuard guard(streams.getStreamFromGlobalPool(at::Device(at::kCUDA, 0)));
    at::mm(factor, factor);
  }
}

TEST_F(GraphEngineTest, Fp32FollowsTheEagerEngineForAHundredStepsWithEveryOptimizer) {
  for (const char* optimizer : {"adamw", "adam", "adan"}) {
    TrainConfig config = small_config();
    config.optimizer = optimizer;
    const auto data = batches(config, 5);
    const auto graph = engine(config, true);
    const auto eager = engine(config, false);
    EXPECT_EQ(graph->name(), "graph");
    EXPECT_LT(largest_relative_difference(train(*graph, data, 100), train(*eager, data, 100)), 1e-5) << optimizer;
    EXPECT_LT(parameter_difference(graph->averaged(), eager->averaged()), 1e-3) << optimizer;
  }
}

// The numbers are those of the two tests beside it.
TEST_F(GraphEngineTest, IsTheEngineThatRunsWithoutCompileModelAndSaysWhy) {
  for (const bool mixed : {false, true}) {
    for (const std::optional<bool> given : {std::optional<bool>(), std::optional(true), std::optional(false)}) {
      TrainConfig config = small_config();
      config.use_mixed_precision = mixed;
      config.compile_model = given;
      std::vector<std::string> notes;
      const auto engine =
          make_step_engine(config, Edsr({config.base_channels, config.num_blocks, config.scale_factor}, 3),
                           at::Device(at::kCUDA, 0), [&](const Text& note) { notes.push_back(note.en); });
      const std::string expected = given == false ? "eager" : mixed ? "graph, fused" : "graph";
      EXPECT_EQ(engine->name(), expected);
      const char* why = !given   ? "compile_model is not given: the fastest with eager's numbers"
                        : *given ? "compile_model: true"
                                 : "compile_model: false";
      EXPECT_EQ(notes.back(), "step engine: " + expected + " (" + why + ")");
    }
  }
}

TEST_F(GraphEngineTest, Bf16FusedFollowsTheEagerEnginesLossCurveWithEveryOptimizerAndLoss) {
  const char* combinations[][2] = {{"adamw", "l1"}, {"adam", "charbonnier"}, {"adan", "mse"}};
  for (const auto& [optimizer, loss] : combinations) {
    TrainConfig config = small_config();
    config.use_mixed_precision = true;
    config.optimizer = optimizer;
    config.loss = loss;
    const auto data = batches(config, 5);
    const auto graph = engine(config, true);
    const auto eager = engine(config, false);
    EXPECT_EQ(graph->name(), "graph, fused");
    const auto graph_losses = train(*graph, data, 60);
    EXPECT_LT(largest_relative_difference(graph_losses, train(*eager, data, 60)), 1e-2) << optimizer << " " << loss;
    EXPECT_LT(graph_losses.back(), graph_losses.front());
  }
}

// Another process on the card has the same effect.
TEST_F(GraphEngineTest, ABusyCardDoesNotReorderTheEnginesFirstWrites) {
  TrainConfig config = small_config();
  config.use_mixed_precision = true;
  keep_the_streams_busy();
  const auto graph = engine(config, true);
  const std::vector<Batch> data = batches(config, 1);
  graph->step(data, 1e-4);
  EXPECT_GT(graph->report().gradient_norm, 0);
}

TEST_F(GraphEngineTest, AccumulationGivesTheStepOfTheJoinedBatch) {
  for (const bool mixed : {false, true}) {
    TrainConfig config = small_config();
    config.use_mixed_precision = mixed;
    const auto data = batches(config, 2);
    const Batch both = joined(data[0], data[1]);
    const auto accumulated = engine(config, true);
    const auto whole = engine(config, true);
    for (int i = 0; i < 5; ++i) {
      accumulated->step(data, 1e-4);
      whole->step(std::span(&both, 1), 1e-4);
      const StepReport a = accumulated->report();
      const StepReport b = whole->report();
      EXPECT_NEAR(a.loss, b.loss, b.loss * (mixed ? 1e-3 : 1e-5));
      EXPECT_NEAR(a.gradient_norm, b.gradient_norm, b.gradient_norm * (mixed ? 2e-2 : 1e-4));
    }
  }
}

// What is left free on the device while this lives.
class LittleMemory {
 public:
  explicit LittleMemory(std::size_t left_bytes) {
    at::accelerator::emptyCache();
    const std::size_t free = at::accelerator::getMemoryInfo(0).first;
    taken_ = at::empty({static_cast<std::int64_t>(free - left_bytes)}, at::TensorOptions(at::kCUDA).dtype(at::kByte));
  }
  ~LittleMemory() {
    taken_.reset();
    at::accelerator::emptyCache();
  }
  LittleMemory(const LittleMemory&) = delete;
  LittleMemory& operator=(const LittleMemory&) = delete;

 private:
  at::Tensor taken_;
};

TEST_F(GraphEngineTest, AStepThatDoesNotFitIsSaidAndGoesOnInSmallerMicroBatches) {
  for (const bool graph : {false, true}) {
    for (const bool mixed : {false, true}) {
      TrainConfig config = small_config();
      config.use_mixed_precision = mixed;
      config.base_channels = 64;
      config.batch_size = 256;
      config.patch_size = 128;
      const Batch large = batches(config, 1).front();
      const std::vector<Batch> parts = split(large, 32);
      const auto unhindered = engine(config, graph);
      const auto cramped = engine(config, graph);
      unhindered->step(parts, 1e-4);
      cramped->step(parts, 1e-4);
      unhindered->step(parts, 1e-4);
      {
        const LittleMemory memory(std::size_t{160} << 20);
        EXPECT_THROW(cramped->step(std::span(&large, 1), 1e-4), DeviceMemoryError) << graph << mixed;
        cramped->step(parts, 1e-4);
        EXPECT_EQ(cramped->report().steps, 2);
      }
      EXPECT_LT(parameter_difference(cramped->model(), unhindered->model()), 1e-3) << graph << mixed;
    }
  }
}

TEST_F(GraphEngineTest, AResumedRunEqualsAnUninterruptedOneAndMovesBetweenEngines) {
  for (const bool mixed : {false, true}) {
    TrainConfig config = small_config();
    config.use_mixed_precision = mixed;
    config.optimizer = "adan";
    const auto data = batches(config, 3);
    const auto uninterrupted = engine(config, true);
    train(*uninterrupted, data, 10);
    const LoadedTensors state = saved(*uninterrupted);
    const auto expected = train(*uninterrupted, data, 10, 10);
    const auto resumed = engine(config, true);
    resumed->load_state(state, "memory");
    EXPECT_LT(largest_relative_difference(train(*resumed, data, 10, 10), expected), 1e-5);
    const auto eager = engine(config, false);
    eager->load_state(state, "memory");
    EXPECT_LT(largest_relative_difference(train(*eager, data, 10, 10), expected), mixed ? 1e-2 : 1e-5);
  }
}

TEST_F(GraphEngineTest, AnFp16StepThatOverflowsIsSkippedAndHalvesTheScale) {
  TrainConfig config = small_config();
  config.use_mixed_precision = true;
  config.amp_dtype = "fp16";
  const auto data = batches(config, 2);
  const auto graph = engine(config, true);
  train(*graph, data, 3);
  LoadedTensors state = saved(*graph);
  state.tensors["scaler.scale"] = at::scalar_tensor(1e30F, at::kFloat);
  graph->load_state(state, "memory");
  train(*graph, data, 1);
  const LoadedTensors after = saved(*graph);
  EXPECT_FLOAT_EQ(after.tensors.at("scaler.scale").item<float>(), 5e29F);
  EXPECT_EQ(after.tensors.at("optimizer.step").item<std::int64_t>(), 3);
  for (const auto& [name, before] : state.tensors) {
    if (name.starts_with("model.") || name.starts_with("exp_avg")) {
      EXPECT_TRUE(at::equal(after.tensors.at(name), before)) << name;
    }
  }
}

// Weights out of which no finite loss comes: conv_last's bias is infinite.
TEST_F(GraphEngineTest, AStepWithoutAFiniteLossChangesNothingInAnyPrecisionAndEngine) {
  for (const bool graph : {true, false}) {
    for (const char* precision : {"fp32", "bf16", "fp16"}) {
      for (const char* optimizer : {"adamw", "adan"}) {
        SCOPED_TRACE(std::string(precision) + " " + optimizer + (graph ? " graph" : " eager"));
        TrainConfig config = small_config();
        config.use_mixed_precision = std::string(precision) != "fp32";
        config.amp_dtype = std::string(precision) == "fp16" ? "fp16" : "bf16";
        config.optimizer = optimizer;
        const auto data = batches(config, 2);
        const auto trained = engine(config, graph);
        train(*trained, data, 3);
        const LoadedTensors good = saved(*trained);
        LoadedTensors broken = saved(*trained);
        broken.tensors.at("model.conv_last.bias").fill_(std::numeric_limits<float>::infinity());
        trained->load_state(broken, "memory");
        for (int i = 0; i < 12; ++i) trained->step(std::span(&data[0], 1), 1e-4);
        const StepReport report = trained->report();
        EXPECT_EQ(report.steps, 12);
        EXPECT_EQ(report.skipped, 12);
        EXPECT_EQ(report.unstable_in_row, 12);
        EXPECT_EQ(trained->unstable_in_row(), 12);
        EXPECT_TRUE(std::isnan(report.loss));
        EXPECT_EQ(report.loss_scale.has_value(), std::string(precision) == "fp16");
        const LoadedTensors after = saved(*trained);
        for (const auto& [name, before] : broken.tensors) {
          if (name.starts_with("scaler.")) continue;
          EXPECT_TRUE(at::equal(after.tensors.at(name), before)) << name;
        }
        trained->load_state(good, "memory");
        EXPECT_EQ(trained->unstable_in_row(), 0);
        EXPECT_TRUE(std::isfinite(train(*trained, data, 2).back()));
        EXPECT_EQ(trained->report().unstable_in_row, 0);
      }
    }
  }
}

TEST_F(GraphEngineTest, Fp16FollowsTheEagerEngine) {
  TrainConfig config = small_config();
  config.use_mixed_precision = true;
  config.amp_dtype = "fp16";
  const auto data = batches(config, 3);
  const auto graph = engine(config, true);
  const auto eager = engine(config, false);
  EXPECT_LT(largest_relative_difference(train(*graph, data, 30), train(*eager, data, 30)), 5e-3);
}

TEST_F(GraphEngineTest, WhatTheFusedKernelsDoNotCoverIsCapturedThroughAutograd) {
  const auto expect_graph = [&](const TrainConfig& config, double tolerance) {
    const auto data = batches(config, 2);
    const auto graph = engine(config, true);
    const auto eager = engine(config, false);
    const auto losses = train(*graph, data, 5);
    EXPECT_EQ(graph->name(), "graph");
    EXPECT_LT(largest_relative_difference(losses, train(*eager, data, 5)), tolerance);
  };
  TrainConfig config = small_config();
  config.use_mixed_precision = true;
  config.fold_tail = "off";
  expect_graph(config, 1e-2);
  config = small_config();
  config.use_mixed_precision = true;
  config.base_channels = 20;
  expect_graph(config, 1e-2);
  config = small_config();
  config.scale_factor = 1;
  config.use_mixed_precision = true;
  expect_graph(config, 1e-2);
  config = small_config();
  config.use_perceptual = true;
  expect_graph(config, 1e-4);
}

TEST_F(GraphEngineTest, RunningOutOfMemoryNamesTheBatchSize) {
  TrainConfig config = small_config();
  config.base_channels = 512;
  config.num_blocks = 200;
  config.patch_size = 512;
  config.batch_size = 64;
  config.use_mixed_precision = true;
  const auto data = batches(config, 1);
  const auto graph = engine(config, true);
  try {
    train(*graph, data, 1);
    FAIL() << "1.7 TB of activations found room";
  } catch (const Error& error) {
    EXPECT_THAT(std::string(error.what()), testing::HasSubstr("64 samples"));
  }
}

}  // namespace
}  // namespace wring
