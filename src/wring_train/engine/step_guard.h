#pragma once
#include <cstdint>

#include <ATen/core/Tensor.h>

#include "wring_train/engine/loss_scaler.h"
#include "wring_train/engine/step_engine.h"

namespace wring {

// Keeps a step whose loss or gradient is not finite away from the weights, and counts. Verdict and counters live on the
// device, so that no step waits for the host. The graph engine's twin is kernels/step/finish_step.cu.
//
// With a loss scaler, a gradient that overflows while the loss is finite and the scale above 1 is the scaler looking
// for its scale: the step is skipped, but it does not count as unstable.
class StepGuard {
 public:
  explicit StepGuard(at::Device device);

  // Decides about a step from its loss and the norm of its gradients, unscaled (both (), fp32). A scaler, where there
  // is one, is told.
  void judge(const at::Tensor& loss, const at::Tensor& gradient_norm, LossScaler* scaler);

  // (), fp32: 1 where the step just judged must change nothing, else 0.
  const at::Tensor& skip() const { return skip_; }

  // Steps judged and not yet reported.
  std::int64_t steps() const { return steps_; }
  // Waits for the device, and starts to count anew but for unstable_in_row.
  StepReport report();
  // Unstable steps up to the last one, without a good one between them. On a GPU as of the last report.
  std::int64_t unstable_in_row() const;
  // After other weights have been loaded: what was before them says nothing any more.
  void forget();

 private:
  at::Tensor skip_;
  at::Tensor loss_sum_;  // of the good steps since the report
  at::Tensor skipped_;   // steps since the report
  at::Tensor in_row_;
  at::Tensor gradient_norm_;  // of the last good step
  std::int64_t steps_ = 0;
  std::int64_t reported_in_row_ = 0;
};

}  // namespace wring
