#include "wring_train/engine/loss_scaler.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace wring {
namespace {

constexpr double kFirstScale = 65536;
constexpr double kGrowth = 2.0;
constexpr double kBackoff = 0.5;
constexpr std::int64_t kGrowthInterval = 2000;  // steps

}  // namespace

LossScaler::LossScaler(at::Device device)
    : scale_(at::full({}, kFirstScale, at::TensorOptions(device).dtype(at::kFloat))),
      growth_(at::zeros({}, at::TensorOptions(device).dtype(at::kInt))),
      found_inf_(at::zeros_like(scale_)) {}

at::Tensor LossScaler::scale(const at::Tensor& loss) const {
  return loss * scale_;
}

void LossScaler::unscale(const std::vector<at::Tensor>& parameters) {
  const c10::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  gradients.reserve(parameters.size());
  for (const at::Tensor& parameter : parameters) gradients.push_back(parameter.grad());
  found_inf_.zero_();
  at::_amp_foreach_non_finite_check_and_unscale_(gradients, found_inf_, scale_.reciprocal());
}

void LossScaler::set_found_inf(const at::Tensor& found_inf) {
  found_inf_.copy_(found_inf);
}

void LossScaler::update() {
  at::_amp_update_scale_(scale_, growth_, found_inf_, kGrowth, kBackoff, kGrowthInterval);
}

}  // namespace wring
