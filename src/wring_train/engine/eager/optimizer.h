#pragma once
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "wring/config/train_config.h"

namespace wring {

// The constants that each optimiser's paper recommends. Adam and AdamW have no third β.
struct AdamConstants {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double beta3 = 0;
  double epsilon = 1e-8;
};
AdamConstants adam_constants(const std::string& optimizer);

// Adam (Kingma, Ba 2015) and AdamW (Loshchilov, Hutter 2019) through ATen's fused kernels: one pass over all
// parameters, on the CPU and on the GPU. Adan (Xie et al. 2022, arXiv 2208.06677) with decoupled weight decay in
// multi-tensor operations. State: moments per parameter and one step counter per parameter on the parameter's device.
class Optimizer {
 public:
  Optimizer(const TrainConfig& config, std::vector<at::Tensor> parameters);

  // One update from the parameters' gradients, which are cleared. With found_inf (a scalar on the device) of 1 the
  // update is skipped, as if the step had not been.
  void step(double lr, const std::optional<at::Tensor>& found_inf = {});

  // In the parameters' order; the caller saves and restores them in place.
  const std::vector<at::Tensor>& first_moments() const { return first_moments_; }
  const std::vector<at::Tensor>& second_moments() const { return second_moments_; }
  bool is_adan() const { return rule_ == Rule::adan; }
  const std::vector<at::Tensor>& difference_moments() const { return difference_moments_; }  // Adan only
  const std::vector<at::Tensor>& previous_gradients() const { return previous_gradients_; }  // Adan only
  std::int64_t steps_done() const;
  void set_steps_done(std::int64_t steps);

 private:
  enum class Rule { adamw, adam, adan };

  void adam_step(double lr, const std::vector<at::Tensor>& gradients, const std::optional<at::Tensor>& found_inf);
  void adan_step(double lr, const std::vector<at::Tensor>& gradients, const std::optional<at::Tensor>& found_inf);

  Rule rule_;
  AdamConstants constants_;
  double weight_decay_;
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> first_moments_;
  std::vector<at::Tensor> second_moments_;
  std::vector<at::Tensor> difference_moments_;
  std::vector<at::Tensor> previous_gradients_;
  std::vector<at::Tensor> step_counters_;
};

// Scales all gradients so that their joint L2 norm is at most max_norm; returns the norm before (a scalar on the
// device, so nothing waits). max_norm <= 0 only measures.
at::Tensor clip_gradients(const std::vector<at::Tensor>& parameters, double max_norm);

}  // namespace wring
