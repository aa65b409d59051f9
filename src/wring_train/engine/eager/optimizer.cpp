#include "wring_train/engine/eager/optimizer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "wring/base/error.h"

namespace wring {
namespace {

std::vector<at::Tensor> gradients_of(const std::vector<at::Tensor>& parameters) {
  std::vector<at::Tensor> gradients;
  gradients.reserve(parameters.size());
  for (const at::Tensor& parameter : parameters) gradients.push_back(parameter.grad());
  return gradients;
}

}  // namespace

AdamConstants adam_constants(const std::string& optimizer) {
  if (optimizer == "adan") return {0.98, 0.92, 0.99, 1e-8};
  return {};
}

Optimizer::Optimizer(const TrainConfig& config, std::vector<at::Tensor> parameters)
    : rule_(config.optimizer == "adan"    ? Rule::adan
            : config.optimizer == "adamw" ? Rule::adamw
                                          : Rule::adam),
      constants_(adam_constants(config.optimizer)),
      weight_decay_(config.weight_decay),
      parameters_(std::move(parameters)) {
  const auto zeros = [&] {
    std::vector<at::Tensor> tensors;
    for (const at::Tensor& parameter : parameters_) {
      tensors.push_back(at::zeros_like(parameter, at::MemoryFormat::Preserve).detach());
    }
    return tensors;
  };
  first_moments_ = zeros();
  second_moments_ = zeros();
  if (is_adan()) {
    difference_moments_ = zeros();
    previous_gradients_ = zeros();
  }
  for (const at::Tensor& parameter : parameters_) {
    step_counters_.push_back(at::zeros({}, parameter.options().requires_grad(false)));
  }
}

void Optimizer::step(double lr, const std::optional<at::Tensor>& found_inf) {
  const c10::NoGradGuard no_grad;
  const std::vector<at::Tensor> gradients = gradients_of(parameters_);
  at::_foreach_add_(step_counters_, 1);
  if (is_adan()) {
    adan_step(lr, gradients, found_inf);
  } else {
    adam_step(lr, gradients, found_inf);
  }
  if (found_inf) at::_foreach_sub_(step_counters_, std::vector<at::Tensor>(step_counters_.size(), *found_inf));
  for (at::Tensor& parameter : parameters_) parameter.mutable_grad().reset();
}

void Optimizer::adam_step(double lr, const std::vector<at::Tensor>& gradients,
                          const std::optional<at::Tensor>& found_inf) {
  const auto update = [&](auto fused_update) {
    fused_update(at::TensorList(parameters_), at::TensorList(gradients), at::TensorList(first_moments_),
                 at::TensorList(second_moments_), at::TensorList(), at::TensorList(step_counters_), lr,
                 constants_.beta1, constants_.beta2, weight_decay_, constants_.epsilon, /*amsgrad=*/false,
                 /*maximize=*/false, /*grad_scale=*/std::optional<at::Tensor>(), found_inf);
  };
  if (rule_ == Rule::adamw) {
    update([](auto... arguments) { at::_fused_adamw_(arguments...); });
  } else {
    update([](auto... arguments) { at::_fused_adam_(arguments...); });
  }
}

// Nothing waits for the device, so that a skipped update (found_inf) is one by selection: old values stay where it
// is 1.
void Optimizer::adan_step(double lr, const std::vector<at::Tensor>& gradients,
                          const std::optional<at::Tensor>& found_inf) {
  const at::Tensor t = step_counters_.front();
  const auto correction = [&](double beta) { return 1.0 - at::pow(beta, t); };
  const at::Tensor not_first = t > 1;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& gradient = gradients[i];
    const at::Tensor difference = at::where(not_first, gradient - previous_gradients_[i], 0.0);
    const at::Tensor ahead = gradient + constants_.beta2 * difference;
    const at::Tensor first = at::lerp(gradient, first_moments_[i], constants_.beta1);
    const at::Tensor differences = at::lerp(difference, difference_moments_[i], constants_.beta2);
    const at::Tensor second = at::lerp(ahead * ahead, second_moments_[i], constants_.beta3);
    const at::Tensor denominator = second.sqrt() / correction(constants_.beta3).sqrt() + constants_.epsilon;
    const at::Tensor direction = first * (lr / correction(constants_.beta1)) +
                                 differences * (lr * constants_.beta2 / correction(constants_.beta2));
    const at::Tensor parameter = (parameters_[i] - direction / denominator) / (1 + lr * weight_decay_);
    const auto keep = [&](const at::Tensor& target, const at::Tensor& value) {
      target.copy_(found_inf ? at::where(*found_inf != 0, target, value) : value);
    };
    keep(parameters_[i], parameter);
    keep(first_moments_[i], first);
    keep(difference_moments_[i], differences);
    keep(second_moments_[i], second);
    keep(previous_gradients_[i], gradient);
  }
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
