#include "wring_train/measure/module_runner.h"

#include <memory>
#include <new>

#include "integration/nn_test.h"
#include "wring/tune/search/batch_size_optimizer.h"

namespace wring {
namespace {

using namespace testing_nn;
using testing::HasSubstr;

// A layer with a running mean, as a torch::nn holder shows itself.
struct Layer {
  at::Tensor weight = at::ones({4, 3}).requires_grad_();
  at::Tensor unused = at::ones({2}).requires_grad_();
  at::Tensor mean = at::zeros({3});
  std::vector<std::int64_t> batches;    // that forward() saw
  std::int64_t host_limit = 1LL << 40;  // a larger batch asks for more memory than there is
  std::function<void(std::int64_t)> misbehave = [](std::int64_t) {};

  std::vector<at::Tensor> parameters() const { return {weight, unused}; }
  std::vector<at::Tensor> buffers() const { return {mean}; }
  at::Tensor forward(const at::Tensor& batch) {
    batches.push_back(batch.size(0));
    misbehave(batch.size(0));
    if (batch.size(0) > host_limit) at::empty({1LL << 46});
    mean.add_(batch.detach().mean(0));
    return at::matmul(batch, weight.t());
  }
};

TrialRequest quick(std::int64_t batch) {
  TrialRequest request;
  request.set = {{"batch_size", std::to_string(batch)}};
  request.measure = {.min_seconds = 0, .max_seconds = 0.02, .rel_ci = 1, .min_steps = 2};
  return request;
}

class ModuleRunnerTest : public testing::Test {
 protected:
  TrialResult run(std::int64_t batch, const ModuleLoss& loss = {}) {
    return module_runner(trained_module(layer_), sample_, {}, loss)->run(quick(batch));
  }

  std::shared_ptr<Layer> layer_ = std::make_shared<Layer>();
  at::Tensor sample_ = random_images({2, 3}, 1);
};

TEST_F(ModuleRunnerTest, MeasuresWholeStepsAtTheBatchThatIsAskedFor) {
  const TrialResult result = run(7);
  EXPECT_EQ(result.outcome, TrialOutcome::ok) << result.message;
  EXPECT_GT(result.samples_per_s, 0);
  EXPECT_NEAR(result.samples_per_s.value() * result.step_ms.median, 7000, 1e-6);
  EXPECT_GE(result.step_ms.n, 2);
  EXPECT_THAT(layer_->batches, testing::Each(7));
}

TEST_F(ModuleRunnerTest, TheStepLearnsByTheGivenLoss) {
  double first = 0, last = 0;
  const TrialResult result = run(4, [&](const at::Tensor& output) {
    at::Tensor loss = (output - 5).square().mean();
    last = loss.item<double>();
    if (first == 0) first = last;
    return loss;
  });
  EXPECT_LT(last, first);
  EXPECT_EQ(result.loss, last);
}

TEST_F(ModuleRunnerTest, LeavesTheModelAsItWas) {
  run(8);
  EXPECT_TRUE(at::equal(layer_->weight, at::ones({4, 3})));
  EXPECT_TRUE(at::equal(layer_->mean, at::zeros({3})));
  EXPECT_FALSE(layer_->weight.grad().defined());
}

TEST_F(ModuleRunnerTest, MemoryThatRunsOutIsAnOutcomeAndTheNextTrialRuns) {
  layer_->host_limit = 10;
  const auto runner = module_runner(trained_module(layer_), sample_);
  EXPECT_EQ(runner->run(quick(16)).outcome, TrialOutcome::oom);
  EXPECT_TRUE(at::equal(layer_->mean, at::zeros({3})));
  EXPECT_EQ(runner->run(quick(8)).outcome, TrialOutcome::ok);
  layer_->misbehave = [](std::int64_t) { throw std::bad_alloc(); };
  EXPECT_EQ(runner->run(quick(8)).outcome, TrialOutcome::oom);
}

TEST_F(ModuleRunnerTest, AnErrorOfTheModelIsAnOutcomeWithItsWords) {
  layer_->misbehave = [](std::int64_t) { throw std::runtime_error("no such layer"); };
  const TrialResult result = run(4);
  EXPECT_EQ(result.outcome, TrialOutcome::error);
  EXPECT_THAT(result.message, HasSubstr("no such layer"));
}

TEST_F(ModuleRunnerTest, OnTheCpuNobodyCountsTheMemory) {
  EXPECT_FALSE(run(4).memory.peak_reserved_mib);
}

TEST_F(ModuleRunnerTest, TheGuidesHelperFindsABatchThatFits) {
  layer_->host_limit = 20;
  TrainConfig config;
  config.batch_size = 8;
  BatchSearchOptions options;
  options.budget_s = 2;
  options.max_batch = 64;
  BatchSizeOptimizer optimizer(module_runner(trained_module(layer_), sample_, config), config, options);
  const auto [batch_size, stats] = optimizer.find_optimal_batch_size({}, 85.0);
  EXPECT_LE(batch_size, 20);
  EXPECT_GT(stats.rate, 0);
}

TEST_F(ModuleRunnerTest, RefusesWhatCannotBeTrained) {
  EXPECT_THAT(error_of([&] { module_runner(trained_module(layer_), at::scalar_tensor(1.0)); }),
              HasSubstr("sample.unsqueeze(0)"));
  EXPECT_THAT(error_of([&] { module_runner({.forward = {}, .parameters = {at::ones({2})}, .buffers = {}}, sample_); }),
              HasSubstr("no parameters"));
}

}  // namespace
}  // namespace wring
