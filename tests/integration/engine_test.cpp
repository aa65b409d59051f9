#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <ATen/ATen.h>

#include "fixtures/scoped_environment.h"
#include "random_batch.h"
#include "wring/base/error.h"
#include "wring/base/files.h"
#include "wring_train/data/sampling.h"
#include "wring_train/engine/loss_scaler.h"
#include "wring_train/engine/optimizer.h"
#include "wring_train/engine/step_engine.h"
#include "wring_train/engine/step_guard.h"
#include "wring_train/nn/checkpoint.h"
#include "wring_train/run/run_state.h"

namespace wring {
namespace {

TrainConfig tiny_config() {
  TrainConfig config;
  config.base_channels = 8;
  config.num_blocks = 1;
  config.scale_factor = 2;
  config.lr = 1e-3;
  return config;
}

std::unique_ptr<StepEngine> make_engine(const TrainConfig& config, std::vector<std::string>* notes = nullptr) {
  return make_step_engine(config, Edsr({config.base_channels, config.num_blocks, config.scale_factor}, 3),
                          at::Device(at::kCPU), [notes](const Text& note) {
                            if (notes != nullptr) notes->push_back(note.en);
                          });
}

double largest_difference(const Edsr& a, const Edsr& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.parameters().size(); ++i) {
    const at::Tensor difference = a.parameters()[i].tensor - b.parameters()[i].tensor;
    largest = std::max(largest, difference.abs().max().item<double>());
  }
  return largest;
}

void step(StepEngine& engine, const Batch& batch, double lr = 1e-3) {
  engine.step(std::span(&batch, 1), lr);
}

TEST(Optimizer, AdamWFollowsThePublishedUpdateForTwoSteps) {
  TrainConfig config;
  config.optimizer = "adamw";
  config.weight_decay = 0.1;
  at::Tensor weight = at::full({1}, 2.0, at::kFloat).requires_grad_(true);
  Optimizer optimizer(config, {weight});
  double w = 2.0;
  double m = 0;
  double v = 0;
  const double lr = 0.01;
  for (int t = 1; t <= 2; ++t) {
    const double gradient = 0.5 * t;
    weight.mutable_grad() = at::full({1}, gradient, at::kFloat);
    optimizer.step(lr);
    w *= 1 - lr * config.weight_decay;
    m = 0.9 * m + 0.1 * gradient;
    v = 0.999 * v + 0.001 * gradient * gradient;
    w -= lr * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
  }
  EXPECT_NEAR(weight.item<double>(), w, 1e-6);
  EXPECT_FALSE(weight.grad().defined());
}

TEST(Optimizer, AdamAddsWeightDecayToTheGradient) {
  TrainConfig config;
  config.optimizer = "adam";
  config.weight_decay = 0.1;
  at::Tensor weight = at::full({1}, 2.0, at::kFloat).requires_grad_(true);
  Optimizer optimizer(config, {weight});
  // A gradient that weight decay cancels exactly: Adam then does not move, AdamW would.
  weight.mutable_grad() = at::full({1}, -0.2, at::kFloat);
  optimizer.step(0.01);
  EXPECT_NEAR(weight.item<double>(), 2.0, 1e-6);
}

TEST(Optimizer, AdanFollowsThePublishedUpdateForThreeSteps) {
  TrainConfig config;
  config.optimizer = "adan";
  config.weight_decay = 0.1;
  at::Tensor weight = at::full({1}, 2.0, at::kFloat).requires_grad_(true);
  Optimizer optimizer(config, {weight});
  // Algorithm 1 of arXiv 2208.06677 with the bias corrections of its authors' code; β as (1 − β) of the paper.
  double w = 2.0;
  double m = 0;
  double v = 0;
  double n = 0;
  double before = 0;
  const double lr = 0.01;
  for (int t = 1; t <= 3; ++t) {
    const double gradient = 0.5 * t - 0.2 * t * t;
    weight.mutable_grad() = at::full({1}, gradient, at::kFloat);
    optimizer.step(lr);
    const double difference = t == 1 ? 0 : gradient - before;
    before = gradient;
    m = 0.98 * m + 0.02 * gradient;
    v = 0.92 * v + 0.08 * difference;
    n = 0.99 * n + 0.01 * std::pow(gradient + 0.92 * difference, 2);
    const double denominator = std::sqrt(n / (1 - std::pow(0.99, t))) + 1e-8;
    w -= lr * (m / (1 - std::pow(0.98, t)) + 0.92 * v / (1 - std::pow(0.92, t))) / denominator;
    w /= 1 + lr * config.weight_decay;
  }
  EXPECT_NEAR(weight.item<double>(), w, 1e-6);
  EXPECT_FALSE(weight.grad().defined());
}

TEST(Optimizer, ClippingBringsTheJointNormDownToTheMaximum) {
  at::Tensor a = at::zeros({2}).requires_grad_(true);
  at::Tensor b = at::zeros({1}).requires_grad_(true);
  a.mutable_grad() = at::tensor({3.0F, 0.0F});
  b.mutable_grad() = at::tensor({4.0F});
  EXPECT_NEAR(clip_gradients({a, b}, 1.0).item<double>(), 5.0, 1e-6);
  EXPECT_NEAR(a.grad()[0].item<double>(), 0.6, 1e-5);
  EXPECT_NEAR(b.grad()[0].item<double>(), 0.8, 1e-5);
}

TEST(Optimizer, ClippingLeavesSmallGradientsAlone) {
  at::Tensor a = at::zeros({1}).requires_grad_(true);
  a.mutable_grad() = at::tensor({0.25F});
  clip_gradients({a}, 1.0);
  EXPECT_FLOAT_EQ(a.grad().item<float>(), 0.25F);
}

TEST(Optimizer, AStepWithOverflowedGradientsIsSkippedWhole) {
  TrainConfig config;
  at::Tensor weight = at::full({1}, 2.0, at::kFloat).requires_grad_(true);
  Optimizer optimizer(config, {weight});
  LossScaler scaler(at::Device(at::kCPU));
  const auto step_with = [&](float gradient) {
    weight.mutable_grad() = at::full({1}, gradient, at::kFloat);
    scaler.unscale({weight});
    optimizer.step(0.01, scaler.found_inf());
    scaler.update();
  };
  step_with(std::numeric_limits<float>::infinity());
  EXPECT_EQ(weight.item<float>(), 2.0F);
  EXPECT_EQ(optimizer.steps_done(), 0);
  EXPECT_EQ(scaler.scale_tensor().item<float>(), 32768.0F);
  step_with(32768.0F);  // a gradient of 1 at that scale
  EXPECT_NEAR(weight.item<double>(), 2.0 - 0.01, 1e-6);
  EXPECT_EQ(optimizer.steps_done(), 1);
}

TEST(Optimizer, TheLossScaleDoublesAfterTwoThousandGoodSteps) {
  at::Tensor weight = at::zeros({1}).requires_grad_(true);
  LossScaler scaler(at::Device(at::kCPU));
  weight.mutable_grad() = at::zeros({1});
  for (int i = 0; i < 2000; ++i) {
    scaler.unscale({weight});
    scaler.update();
  }
  EXPECT_EQ(scaler.scale_tensor().item<float>(), 131072.0F);
}

TEST(EagerEngine, RepeatedStepsOnOneBatchLowerTheLoss) {
  const auto engine = make_engine(tiny_config());
  const Batch batch = random_batch(2, 8, 2, 1);
  step(*engine, batch);
  const double first = engine->report().loss;
  for (int i = 0; i < 30; ++i) step(*engine, batch);
  engine->report();
  step(*engine, batch);
  EXPECT_LT(engine->report().loss, first);
}

TEST(EagerEngine, TwoMicroBatchesGiveTheUpdateOfTheirUnion) {
  const auto accumulated = make_engine(tiny_config());
  const auto whole = make_engine(tiny_config());
  const std::vector<Batch> micro{random_batch(2, 8, 2, 1), random_batch(2, 8, 2, 7)};
  accumulated->step(micro, 1e-3);
  step(*whole, joined(micro[0], micro[1]));
  EXPECT_NEAR(accumulated->report().loss, whole->report().loss, 1e-6);
  EXPECT_LT(largest_difference(accumulated->model(), whole->model()), 1e-5);
}

TEST(EagerEngine, TheAverageFollowsTheWeightsAtItsDecay) {
  TrainConfig config = tiny_config();
  config.ema_decay = 0.9;
  const auto engine = make_engine(config);
  const at::Tensor before = engine->model().parameters()[0].tensor.detach().clone();
  step(*engine, random_batch(2, 8, 2, 1));
  const at::Tensor after = engine->model().parameters()[0].tensor.detach();
  const at::Tensor expected = before * 0.9 + after * 0.1;
  EXPECT_LT((engine->averaged().parameters()[0].tensor - expected).abs().max().item<double>(), 1e-6);
  EXPECT_GT((after - before).abs().max().item<double>(), 1e-5);
}

TEST(EagerEngine, WithoutAnAverageTheNetworkItselfIsSaved) {
  TrainConfig config = tiny_config();
  config.ema_decay = 0;
  const auto engine = make_engine(config);
  EXPECT_EQ(&engine->averaged(), &engine->model());
}

TEST(EagerEngine, ReportIsTheMeanOfTheStepsSinceTheLastOne) {
  const auto engine = make_engine(tiny_config());
  const Batch batch = random_batch(1, 8, 2, 1);
  step(*engine, batch, 0.0);
  const double one = engine->report().loss;
  step(*engine, batch, 0.0);
  step(*engine, batch, 0.0);
  const StepReport both = engine->report();
  EXPECT_EQ(both.steps, 2);
  EXPECT_NEAR(both.loss, one, 1e-6);
  EXPECT_GT(both.gradient_norm, 0);
  EXPECT_EQ(engine->report().steps, 0);
}

void save(const std::filesystem::path& file, const StepEngine& engine, const Progress& progress) {
  save_run_state(Folder::open(file.parent_path()), file.filename().string(), engine, progress, {});
}

Progress load(const std::filesystem::path& file, StepEngine& engine) {
  return load_run_state(Folder::open(file.parent_path()), file.filename().string(), engine).progress;
}

TEST(EagerEngine, ARunContinuedFromItsStateEndsWithTheSameWeights) {
  const std::filesystem::path file =
      std::filesystem::path(testing::TempDir()) / ("wring_state_" + std::to_string(::getpid()) + ".safetensors");
  const auto straight = make_engine(tiny_config());
  for (int i = 0; i < 6; ++i) step(*straight, random_batch(2, 8, 2, i));

  const auto first = make_engine(tiny_config());
  for (int i = 0; i < 3; ++i) step(*first, random_batch(2, 8, 2, i));
  Progress progress;
  progress.step = 3;
  progress.best_psnr = 31.25;
  save(file, *first, progress);

  TrainConfig other_seed = tiny_config();
  const auto second = make_step_engine(other_seed, Edsr({8, 1, 2}, 99), at::Device(at::kCPU), [](const auto&) {});
  const Progress loaded = load(file, *second);
  EXPECT_EQ(loaded.step, 3);
  EXPECT_EQ(loaded.best_psnr, 31.25);
  for (int i = 3; i < 6; ++i) step(*second, random_batch(2, 8, 2, i));
  EXPECT_EQ(largest_difference(straight->model(), second->model()), 0);
  EXPECT_EQ(largest_difference(straight->averaged(), second->averaged()), 0);
  std::filesystem::remove(file);
}

TEST(EagerEngine, AStateOfAnotherNetworkIsRefused) {
  const std::filesystem::path file =
      std::filesystem::path(testing::TempDir()) / ("wring_other_" + std::to_string(::getpid()) + ".safetensors");
  save(file, *make_engine(tiny_config()), Progress{});
  TrainConfig wider = tiny_config();
  wider.base_channels = 16;
  const auto engine = make_engine(wider);
  try {
    load(file, *engine);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(file.string()));
  }
  std::filesystem::remove(file);
}

// In the folder of a run, as `wring train` lays it out.
class SavedRun : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(file_.parent_path()); }
  void TearDown() override { std::filesystem::remove_all(run_); }

  static std::unique_ptr<StepEngine> engine_with(const std::string& optimizer) {
    TrainConfig config = tiny_config();
    config.optimizer = optimizer;
    return make_engine(config);
  }
  // As versions that named neither optimiser nor sampling saved it.
  void save_as_before(const std::string& optimizer) const {
    save(file_, *engine_with(optimizer), Progress{});
    LoadedTensors state = load_tensors(file_, Seal::crc32);
    std::vector<NamedTensor> tensors;
    for (const auto& [name, tensor] : state.tensors) tensors.push_back({name, tensor});
    for (const char* later : {"optimizer", "sampling", kSealKey}) state.metadata.erase(later);
    save_tensors(file_, tensors, state.metadata, Seal::crc32);
  }
  std::string loaded_with(const std::string& optimizer) const {
    try {
      return fmt::format("sampling {}", load(file_, *engine_with(optimizer)).sampling);
    } catch (const Error& error) {
      return error.message().en;
    }
  }

  static testing::Matcher<std::string> refused(const std::string& own, const std::string& other) {
    return testing::HasSubstr(fmt::format("with optimizer {}, and this config says {}", own, other));
  }

  const std::filesystem::path run_ =
      std::filesystem::path(testing::TempDir()) / ("wring_run_" + std::to_string(::getpid()));
  const std::filesystem::path file_ = run_ / "checkpoints/state_0.safetensors";
};

TEST_F(SavedRun, GoesOnWithItsOwnOptimiserAlone) {
  for (const std::string own : {"adamw", "adam", "adan"}) {
    save(file_, *engine_with(own), Progress{});
    for (const std::string other : {"adamw", "adam", "adan"}) {
      EXPECT_THAT(loaded_with(other),
                  own == other ? testing::Eq(fmt::format("sampling {}", kSamplingVersion)) : refused(own, other));
    }
  }
}

TEST_F(SavedRun, OfAnEarlierVersionIsJudgedByItsTensorsAndItsConfig) {
  save_as_before("adan");
  EXPECT_EQ(loaded_with("adan"), "sampling 1");
  EXPECT_THAT(loaded_with("adam"), refused("adan", "adam"));
  save_as_before("adamw");
  EXPECT_EQ(loaded_with("adam"), "sampling 1") << "nobody tells";
  EXPECT_THAT(loaded_with("adan"), testing::HasSubstr("exp_avg_diff"));
  write_file_atomically(run_ / "config.yaml", "optimizer: adamw\n");
  EXPECT_EQ(loaded_with("adamw"), "sampling 1");
  EXPECT_THAT(loaded_with("adam"), refused("adamw", "adam"));
  EXPECT_THAT(loaded_with("adan"), refused("adamw", "adan"));
}

// The state's tensors, as they are now.
std::map<std::string, at::Tensor> saved(const StepEngine& engine) {
  std::map<std::string, at::Tensor> tensors;
  for (const NamedTensor& named : engine.state()) tensors[named.name] = named.tensor.clone();
  return tensors;
}

TEST(EagerEngine, AStepWithoutAFiniteLossChangesNothingAndIsCounted) {
  for (const char* optimizer : {"adamw", "adam", "adan"}) {
    TrainConfig config = tiny_config();
    config.optimizer = optimizer;
    config.grad_clip = 1.0;
    const auto engine = make_engine(config);
    Batch batch = random_batch(2, 8, 2, 1);
    for (batch.step = 0; batch.step < 2; ++batch.step) step(*engine, batch);
    const double norm = engine->report().gradient_norm;
    const auto before = saved(*engine);
    ::setenv("WRING_TEST_NAN_LOSS", "2-3", 1);
    for (; batch.step < 4; ++batch.step) step(*engine, batch);
    EXPECT_EQ(engine->unstable_in_row(), 2);
    const auto after = saved(*engine);
    for (const auto& [name, tensor] : before) EXPECT_TRUE(at::equal(tensor, after.at(name))) << optimizer << name;
    step(*engine, batch);
    ::unsetenv("WRING_TEST_NAN_LOSS");
    const StepReport report = engine->report();
    EXPECT_EQ(report.steps, 3);
    EXPECT_EQ(report.skipped, 2);
    EXPECT_EQ(report.unstable_in_row, 0);
    EXPECT_TRUE(std::isfinite(report.loss));
    EXPECT_NE(report.gradient_norm, norm);
    EXPECT_FALSE(at::equal(before.at("model.conv_last.bias"), saved(*engine).at("model.conv_last.bias")));
  }
}

TEST(EagerEngine, AnInfiniteWeightDoesNotReachTheAverage) {
  const auto engine = make_engine(tiny_config());
  LoadedTensors broken;
  broken.tensors = saved(*engine);
  broken.tensors.at("model.conv_last.bias").fill_(std::numeric_limits<float>::infinity());
  engine->load_state(broken, "memory");
  step(*engine, random_batch(2, 8, 2, 1));
  EXPECT_EQ(engine->report().skipped, 1);
  EXPECT_TRUE(at::equal(saved(*engine).at("ema.conv_last.bias"), broken.tensors.at("ema.conv_last.bias")));
}

TEST(EagerEngine, WhereAllStepsWereSkippedThereIsNoLoss) {
  const auto engine = make_engine(tiny_config());
  ::setenv("WRING_TEST_NAN_LOSS", "0-9", 1);
  step(*engine, random_batch(2, 8, 2, 1));
  ::unsetenv("WRING_TEST_NAN_LOSS");
  EXPECT_TRUE(std::isnan(engine->report().loss));
  EXPECT_EQ(engine->report().unstable_in_row, 1);
}

TEST(StepGuard, AnOverflowAboveTheScaleOfOneIsTheSearchForTheScaleAndNotUnstable) {
  StepGuard guard(at::Device(at::kCPU));
  LossScaler scaler(at::Device(at::kCPU));
  const at::Tensor infinite = at::full({}, std::numeric_limits<float>::infinity());
  const at::Tensor fine = at::ones({});
  guard.judge(fine, infinite, &scaler);
  EXPECT_EQ(scaler.found_inf().item<float>(), 1.0F);
  EXPECT_EQ(guard.unstable_in_row(), 0);
  guard.judge(infinite, fine, &scaler);
  EXPECT_EQ(guard.unstable_in_row(), 1);
  scaler.scale_tensor().fill_(1.0);
  guard.judge(fine, infinite, &scaler);
  EXPECT_EQ(guard.unstable_in_row(), 2);
  guard.judge(fine, fine, &scaler);
  EXPECT_EQ(scaler.found_inf().item<float>(), 0.0F);
  EXPECT_EQ(guard.unstable_in_row(), 0);
  EXPECT_EQ(guard.report().skipped, 3);
}

TEST(StepEngine, OnTheCpuIsEagerAndSaysWhyWhateverIsAskedFor) {
  for (const auto& [given, why] : {std::pair{std::optional<bool>(), "the CPU has no faster one"},
                                   std::pair{std::optional(true), "the CPU has no faster one"},
                                   std::pair{std::optional(false), "compile_model: false"}}) {
    TrainConfig config = tiny_config();
    config.compile_model = given;
    std::vector<std::string> notes;
    EXPECT_EQ(make_engine(config, &notes)->name(), "eager");
    EXPECT_THAT(notes, testing::ElementsAre("step engine: eager (" + std::string(why) + ")"));
  }
}

// Another rank, whose answers to any() are given.
class OtherMachine : public Ranks {
 public:
  explicit OtherMachine(bool has_weights)
      : Ranks({.rank = 0, .size = 2}), answers_{has_weights ? 1.0 : 0.0, has_weights ? 0.0 : 1.0} {}
  void mean(const at::Tensor& /*values*/) override {}
  std::vector<std::vector<double>> gather(const std::vector<double>& values) override {
    return {values, {answers_.at(asked_++)}};
  }
  void broadcast(std::vector<std::byte>& /*bytes*/) override {}

 private:
  std::vector<double> answers_;  // whether it has the weights, whether it has none
  std::size_t asked_ = 0;
};

TEST(StepEngine, RanksThatWouldCompareWithDifferentFeaturesAreRefused) {
  testing_support::ScopedEnvironment environment;
  environment.set("TORCH_HOME", "/nowhere");
  TrainConfig config = tiny_config();
  config.use_perceptual = true;
  const auto engine = [&](Ranks& ranks) {
    return make_step_engine(
        config, Edsr({config.base_channels, config.num_blocks, config.scale_factor}, 3), at::Device(at::kCPU),
        [](const Text&) {}, ranks);
  };
  OtherMachine with(true), without(false);
  try {
    engine(with);
    FAIL() << "one rank has the weights, the other has not";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("some of the ranks' machines"));
    EXPECT_THAT(error.hint().en, testing::HasSubstr("/nowhere/hub/checkpoints"));
  }
  EXPECT_NO_THROW(engine(without)) << "no rank has them";
}

TEST(EagerEngine, PerceptualLossIsAddedAndItsRandomWeightsAreAnnounced) {
  testing_support::ScopedEnvironment environment;
  environment.set("TORCH_HOME", "/nowhere");
  TrainConfig config = tiny_config();
  const Batch batch = random_batch(1, 8, 2, 1);
  const auto plain = make_engine(config);
  step(*plain, batch);
  config.use_perceptual = true;
  std::vector<std::string> notes;
  const auto perceptual = make_engine(config, &notes);
  step(*perceptual, batch);
  EXPECT_GT(perceptual->report().loss, plain->report().loss);
  ASSERT_FALSE(notes.empty());
  EXPECT_THAT(notes.front(),
              testing::AllOf(testing::StartsWith("perceptual loss: "), testing::HasSubstr("random weights"),
                             testing::HasSubstr("/nowhere/hub/checkpoints/vgg19-dcbb9e9d.pth")));
}

}  // namespace
}  // namespace wring
