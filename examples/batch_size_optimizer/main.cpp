// Finds the batch size at which a model of LibTorch's trains fastest.
//
//   batch_size_optimizer [SECONDS]     how long to search, 10 where nothing is given
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include <torch/cuda.h>
#include <torch/nn.h>

#include "wring/base/error.h"
#include "wring/tune/search/batch_size_optimizer.h"
#include "wring/tune/search/words.h"
#include "wring_train/measure/module_runner.h"

namespace {

int find_batch_size(double seconds) {
  torch::nn::Sequential model(torch::nn::Conv2d(torch::nn::Conv2dOptions(3, 32, 3).padding(1)), torch::nn::ReLU(),
                              torch::nn::Conv2d(torch::nn::Conv2dOptions(32, 3, 3).padding(1)));
  model->to(torch::cuda::is_available() ? torch::kCUDA : torch::kCPU);
  const at::Tensor sample_data = torch::rand({1, 3, 32, 32});

  wring::TrainConfig config;  // the batch to begin with, and how a step ends
  config.batch_size = 16;
  config.optimizer = "adamw";
  wring::BatchSearchOptions search;
  search.budget_s = seconds;
  search.max_batch = 256;

  auto loss = [](const at::Tensor& output) { return torch::l1_loss(output, torch::zeros_like(output)); };
  wring::BatchSizeOptimizer optimizer(wring::module_runner(wring::trained_module(model), sample_data, config, loss),
                                      config, search);
  const auto [batch_size, stats] = optimizer.find_optimal_batch_size({}, /*target_gpu_util=*/85.0);

  for (const wring::SearchTrial& trial : stats.trials) {
    const std::string rate = wring::rate_figure(trial.result.samples_per_s);
    fmt::print("batch {:>4}: {:>8} samples/s  {}\n", trial.batch, rate, trial.note.en);
  }
  fmt::print("\nbest batch size: {}\n{}\n", batch_size, stats.reason.en);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const double seconds = argc > 1 ? std::atof(argv[1]) : 10;
    return find_batch_size(seconds);
  } catch (const wring::Error& error) {
    fmt::print(stderr, "error: {}\n  → {}\n", error.message().en, error.hint().en);
    return static_cast<int>(error.code());
  }
}
