#pragma once
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "wring/config/train_config.h"

namespace wring {

// Adam (Kingma, Ba 2015) and AdamW (Loshchilov, Hutter 2019) with β (0.9, 0.999) and ε 1e-8, through ATen's fused
// kernels: one pass over all parameters, on the CPU and on the GPU. State: two moments per parameter and one step
// counter per parameter on the parameter's device.
class Optimizer {
 public:
  // Throws Error{usage} for an optimizer that this version does not have.
  Optimizer(const TrainConfig& config, std::vector<at::Tensor> parameters);

  // One update from the parameters' gradients, which are cleared. With found_inf (a scalar on the device) of 1 the
  // update is skipped, as if the step had not been.
  void step(double lr, const std::optional<at::Tensor>& found_inf = {});

  // In the parameters' order; the caller saves and restores them in place.
  const std::vector<at::Tensor>& first_moments() const { return first_moments_; }
  const std::vector<at::Tensor>& second_moments() const { return second_moments_; }
  std::int64_t steps_done() const;
  void set_steps_done(std::int64_t steps);

 private:
  bool decoupled_;
  double weight_decay_;
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> first_moments_;
  std::vector<at::Tensor> second_moments_;
  std::vector<at::Tensor> step_counters_;
};

// Scales all gradients so that their joint L2 norm is at most max_norm; returns the norm before (a scalar on the
// device, so nothing waits). max_norm <= 0 only measures.
at::Tensor clip_gradients(const std::vector<at::Tensor>& parameters, double max_norm);

}  // namespace wring
