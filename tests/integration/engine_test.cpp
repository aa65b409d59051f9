#include <cmath>
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
#include "tiny_engine.h"
#include "wring/base/error.h"
#include "wring/files/files.h"
#include "wring_train/data/sampling.h"
#include "wring_train/engine/eager/optimizer.h"
#include "wring_train/engine/loss_scaler.h"
#include "wring_train/engine/step_engine.h"
#include "wring_train/engine/step_guard.h"
#include "wring_train/nn/checkpoint.h"
#include "wring_train/train/run_state.h"

namespace wring {
namespace {

using namespace testing_support;

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
    const auto engine = make_engine(config, read_faults("", "2-3"));
    Batch batch = random_batch(2, 8, 2, 1);
    for (batch.step = 0; batch.step < 2; ++batch.step) step(*engine, batch);
    const double norm = engine->report().gradient_norm;
    const auto before = saved(*engine);
    for (; batch.step < 4; ++batch.step) step(*engine, batch);
    EXPECT_EQ(engine->unstable_in_row(), 2);
    const auto after = saved(*engine);
    for (const auto& [name, tensor] : before) EXPECT_TRUE(at::equal(tensor, after.at(name))) << optimizer << name;
    step(*engine, batch);
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
  const auto engine = make_engine(tiny_config(), read_faults("", "0-9"));
  step(*engine, random_batch(2, 8, 2, 1));
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
