// The graph engine against the eager one, from the same seed on the same batches.
#include <cmath>
#include <limits>

#include <ATen/DeviceAccelerator.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "../integration/random_batch.h"
#include "gpu_test.h"
#include "wring/base/error.h"
#include "wring_train/dist/ranks.h"
#include "wring_train/engine/device_images.h"
#include "wring_train/engine/device_memory_error.h"
#include "wring_train/engine/flat_parameters.h"
#include "wring_train/engine/step_engine.h"
#include "wring_train/kernels/available.h"

namespace wring {
namespace {

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

  // Work for some hundred milliseconds on every stream that the engine may get.
  static void keep_the_streams_busy() {
    const at::Tensor factor = at::ones({8192, 8192}, at::TensorOptions(at::kCUDA));
    at::accelerator::synchronizeDevice(0);
    const c10::impl::VirtualGuardImpl streams(at::kCUDA);
    for (int i = 0; i < 32; ++i) {  // so many are in c10's pool
      const c10::StreamGuard guard(streams.getStreamFromGlobalPool(at::Device(at::kCUDA, 0)));
      at::mm(factor, factor);
    }
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

// Two ranks that do the same: the mean, here the sum, of their gradients is twice one rank's.
class TwoEqualRanks : public Ranks {
 public:
  TwoEqualRanks() : Ranks({.rank = 0, .size = 2}) {}
  void mean(const at::Tensor& values) override {
    values.mul_(2);
    messages.emplace_back(values.storage_offset(), values.numel());
  }
  std::vector<std::vector<double>> gather(const std::vector<double>& values) override { return {values, values}; }
  void broadcast(std::vector<std::byte>& /*bytes*/) override {}

  std::vector<std::pair<std::int64_t, std::int64_t>> messages;  // offset, elements
};

TEST_F(GraphEngineTest, RanksReduceEveryGradientAndTheLossOnceInOneMessageOrInTwo) {
  struct Case {
    std::int64_t channels, blocks;
    std::size_t messages;
  };
  for (const Case& c : {Case{32, 2, 1}, Case{64, 16, 2}, Case{96, 8, 2}}) {
    for (const std::int64_t micro_batches : {1, 2}) {
      TrainConfig config = small_config();
      config.base_channels = c.channels;
      config.num_blocks = c.blocks;
      config.use_mixed_precision = true;
      config.gradient_accumulation_steps = micro_batches;
      const EdsrShape shape{c.channels, c.blocks, config.scale_factor};
      const at::Device gpu(at::kCUDA, 0);
      TwoEqualRanks ranks;
      const auto ignore = [](const Text&) {};
      const auto one = make_step_engine(config, Edsr(shape, 3), gpu, ignore);
      const auto two = make_step_engine(config, Edsr(shape, 3), gpu, ignore, ranks);
      EXPECT_EQ(ranks.messages.size(), c.messages) << "as many to connect as in a step";
      const std::vector<Batch> data = batches(config, 6);
      for (std::size_t step = 0; step < 3; ++step) {
        const std::span samples(&data[step * static_cast<std::size_t>(micro_batches)],
                                static_cast<std::size_t>(micro_batches));
        one->step(samples, 0);
        two->step(samples, 0);
        const StepReport expected = one->report();
        const StepReport actual = two->report();
        EXPECT_NEAR(actual.loss / expected.loss, 2, 1e-5) << c.channels << "×" << c.blocks << ", step " << step;
        EXPECT_NEAR(actual.gradient_norm / expected.gradient_norm, 2, 1e-4) << c.channels << "×" << c.blocks;
      }
      ASSERT_EQ(ranks.messages.size(), 2 * c.messages) << "captured once";
      const std::int64_t all = flat_layout(shape, FlatOrder::fused, true).size + 1;
      const std::int64_t first = ranks.messages[c.messages].first;
      EXPECT_EQ(ranks.messages[c.messages], std::pair(first, all - first));
      EXPECT_EQ(ranks.messages.back(), std::pair(c.messages == 2 ? 0 : first, c.messages == 2 ? first : all - first));
      EXPECT_EQ(first > 0, c.messages == 2);
    }
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

// Images of 100 pixels, LR 25, wherever they lie.
struct DrawnImages {
  static constexpr int kSide = 100;
  static constexpr int kLrSide = 25;
  static constexpr int kImages = 6;
  SamplerSettings settings;
  std::vector<Batch> batches;  // without bytes

  explicit DrawnImages(const TrainConfig& config) {
    settings.seed = 9;
    settings.epoch_samples = kImages * 4;
    settings.batch_size = static_cast<int>(config.batch_size);
    settings.scale = 4;
    settings.patch_size = static_cast<int>(config.patch_size);
    for (int i = 0; i < 12; ++i) {
      Batch batch;
      batch.step = i;
      batch.size = settings.batch_size;
      batch.hr_patch = settings.patch_size;
      batch.lr_patch = settings.lr_patch();
      batches.push_back(batch);
    }
  }
  static std::shared_ptr<DeviceImages> set(DeviceImages::Place place) {
    const std::size_t hr_bytes = std::size_t{kImages} * kSide * kSide * 3;
    const std::size_t lr_bytes = std::size_t{kImages} * kLrSide * kLrSide * 3;
    const auto hr = wring::random_bytes(hr_bytes, 1);
    const auto lr = wring::random_bytes(lr_bytes, 2);
    std::vector<std::uint8_t> bytes(hr.get(), hr.get() + hr_bytes);
    bytes.insert(bytes.end(), lr.get(), lr.get() + lr_bytes);
    std::vector<StoredImage> images;
    for (std::uint64_t i = 0; i < kImages; ++i) {
      images.push_back({i * kSide * kSide * 3, hr_bytes + i * kLrSide * kLrSide * 3, kSide, kSide, kLrSide, kLrSide});
    }
    return std::make_shared<DeviceImages>(bytes, images, at::Device(at::kCUDA, 0), place);
  }
};

TEST_F(GraphEngineTest, BatchesDrawnOnTheDeviceGiveTheSameLossesAsInTheEagerEngine) {
  for (const bool mixed : {false, true}) {
    TrainConfig config = small_config();
    config.use_mixed_precision = mixed;
    const DrawnImages drawn(config);
    const auto graph = engine(config, true);
    const auto eager = engine(config, false);
    graph->use_images(DrawnImages::set(DeviceImages::Place::device), drawn.settings);
    eager->use_images(DrawnImages::set(DeviceImages::Place::device), drawn.settings);
    const auto losses = train(*graph, drawn.batches, 8);
    EXPECT_LT(largest_relative_difference(losses, train(*eager, drawn.batches, 8)), mixed ? 1e-2 : 1e-5);
    EXPECT_NE(losses[0], losses[1]);
  }
}

TEST_F(GraphEngineTest, ImagesInHostMemoryGiveTheSameStepsAsOnTheDeviceAlsoAfterAJump) {
  for (const int micro_batches : {1, 2}) {
    TrainConfig config = small_config();
    config.use_mixed_precision = true;
    const DrawnImages drawn(config);
    const auto on_device = engine(config, true);
    const auto on_host = engine(config, true);
    on_device->use_images(DrawnImages::set(DeviceImages::Place::device), drawn.settings);
    on_host->use_images(DrawnImages::set(DeviceImages::Place::pinned_host), drawn.settings);
    for (const int first : {0, 2, 4, 10, 6, 8}) {
      const std::span<const Batch> step(&drawn.batches[static_cast<std::size_t>(first)],
                                        static_cast<std::size_t>(micro_batches));
      on_device->step(step, 1e-4);
      on_host->step(step, 1e-4);
      const double loss = on_device->report().loss;
      EXPECT_NEAR(on_host->report().loss, loss, 1e-4 * loss) << "step from batch " << first;
    }
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
