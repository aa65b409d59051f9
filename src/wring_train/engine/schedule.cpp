#include "wring_train/engine/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace wring {

double learning_rate(const TrainConfig& config, std::int64_t step) {
  if (step < config.warmup_iters) {
    return config.lr * static_cast<double>(step + 1) / static_cast<double>(config.warmup_iters);
  }
  if (config.scheduler == "multistep") {
    const auto passed = std::ranges::count_if(config.milestones, [step](std::int64_t at) { return step >= at; });
    return config.lr * std::pow(config.gamma, static_cast<double>(passed));
  }
  if (config.scheduler == "cosine") {
    const double length = static_cast<double>(std::max<std::int64_t>(1, config.total_iters - config.warmup_iters));
    const double done = std::min(1.0, static_cast<double>(step - config.warmup_iters) / length);
    return config.eta_min + 0.5 * (config.lr - config.eta_min) * (1.0 + std::cos(std::numbers::pi * done));
  }
  return config.lr;
}

}  // namespace wring
