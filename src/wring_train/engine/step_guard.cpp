#include "wring_train/engine/step_guard.h"

#include <limits>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace wring {

StepGuard::StepGuard(at::Device device)
    : skip_(at::zeros({}, at::TensorOptions(device).dtype(at::kFloat))),
      loss_sum_(at::zeros_like(skip_)),
      skipped_(at::zeros_like(skip_)),
      in_row_(at::zeros_like(skip_)),
      gradient_norm_(at::zeros_like(skip_)) {}

void StepGuard::judge(const at::Tensor& loss, const at::Tensor& gradient_norm, LossScaler* scaler) {
  const c10::NoGradGuard no_grad;
  const at::Tensor finite_loss = at::isfinite(loss);
  const at::Tensor good = finite_loss & at::isfinite(gradient_norm);
  at::Tensor unstable = ~good;
  if (scaler != nullptr) unstable = ~finite_loss | (unstable & (scaler->scale_tensor() <= 1));
  skip_ = (~good).to(at::kFloat);
  loss_sum_ = loss_sum_ + at::where(good, loss, 0);
  skipped_ = skipped_ + skip_;
  in_row_ = at::where(good, at::zeros_like(in_row_), in_row_ + unstable);
  gradient_norm_ = at::where(good, gradient_norm, gradient_norm_);
  if (scaler != nullptr) scaler->set_found_inf(skip_);
  ++steps_;
}

StepReport StepGuard::report() {
  StepReport report;
  report.steps = steps_;
  report.skipped = static_cast<std::int64_t>(skipped_.item<float>());
  report.unstable_in_row = reported_in_row_ = static_cast<std::int64_t>(in_row_.item<float>());
  report.gradient_norm = gradient_norm_.item<float>();
  const std::int64_t good = report.steps - report.skipped;
  if (good > 0) report.loss = loss_sum_.item<float>() / static_cast<double>(good);
  if (good == 0 && report.steps > 0) report.loss = std::numeric_limits<double>::quiet_NaN();
  loss_sum_ = at::zeros_like(loss_sum_);
  skipped_ = at::zeros_like(skipped_);
  steps_ = 0;
  return report;
}

std::int64_t StepGuard::unstable_in_row() const {
  return in_row_.is_cpu() ? static_cast<std::int64_t>(in_row_.item<float>()) : reported_in_row_;
}

void StepGuard::forget() {
  in_row_ = at::zeros_like(in_row_);
  reported_in_row_ = 0;
}

}  // namespace wring
