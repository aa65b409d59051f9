#include "wring_train/engine/optimizer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "wring/base/error.h"

namespace wring {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;

std::vector<at::Tensor> gradients_of(const std::vector<at::Tensor>& parameters) {
  std::vector<at::Tensor> gradients;
  gradients.reserve(parameters.size());
  for (const at::Tensor& parameter : parameters) gradients.push_back(parameter.grad());
  return gradients;
}

}  // namespace

Optimizer::Optimizer(const TrainConfig& config, std::vector<at::Tensor> parameters)
    : decoupled_(config.optimizer == "adamw"), weight_decay_(config.weight_decay), parameters_(std::move(parameters)) {
  if (config.optimizer != "adamw" && config.optimizer != "adam") {
    throw Error(ErrorCode::usage, "optimizer: " + config.optimizer + " is not in this version",
                "use optimizer: adamw or adam");
  }
  for (const at::Tensor& parameter : parameters_) {
    first_moments_.push_back(at::zeros_like(parameter, at::MemoryFormat::Preserve).detach());
    second_moments_.push_back(at::zeros_like(parameter, at::MemoryFormat::Preserve).detach());
    step_counters_.push_back(at::zeros({}, parameter.options().requires_grad(false)));
  }
}

void Optimizer::step(double lr, const std::optional<at::Tensor>& found_inf) {
  const c10::NoGradGuard no_grad;
  const std::vector<at::Tensor> gradients = gradients_of(parameters_);
  at::_foreach_add_(step_counters_, 1);
  const auto update = [&](auto fused_update) {
    fused_update(at::TensorList(parameters_), at::TensorList(gradients), at::TensorList(first_moments_),
                 at::TensorList(second_moments_), at::TensorList(), at::TensorList(step_counters_), lr, kBeta1, kBeta2,
                 weight_decay_, kEpsilon, /*amsgrad=*/false, /*maximize=*/false,
                 /*grad_scale=*/std::optional<at::Tensor>(), found_inf);
  };
  if (decoupled_) {
    update([](auto... arguments) { at::_fused_adamw_(arguments...); });
  } else {
    update([](auto... arguments) { at::_fused_adam_(arguments...); });
  }
  if (found_inf) at::_foreach_sub_(step_counters_, std::vector<at::Tensor>(step_counters_.size(), *found_inf));
  for (at::Tensor& parameter : parameters_) parameter.mutable_grad().reset();
}

std::int64_t Optimizer::steps_done() const {
  return step_counters_.empty() ? 0 : static_cast<std::int64_t>(step_counters_.front().item<float>());
}

void Optimizer::set_steps_done(std::int64_t steps) {
  for (at::Tensor& counter : step_counters_) counter.fill_(static_cast<double>(steps));
}

at::Tensor clip_gradients(const std::vector<at::Tensor>& parameters, double max_norm) {
  const c10::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients = gradients_of(parameters);
  at::Tensor norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(gradients)), 2);
  // As torch.nn.utils.clip_grad_norm_: 1e-6 keeps a zero norm finite.
  if (max_norm > 0) at::_foreach_mul_(gradients, at::clamp_max(max_norm / (norm + 1e-6), 1.0));
  return norm;
}

}  // namespace wring
