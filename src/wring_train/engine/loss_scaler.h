#pragma once
#include <vector>

#include <ATen/core/Tensor.h>

namespace wring {

// Dynamic loss scaling for fp16 (Micikevicius et al. 2018), with torch.amp.GradScaler's constants: the loss is
// multiplied by a scale that halves when a gradient overflows, whose step is then skipped, and doubles after 2000 steps
// without one. Scale, counter and verdict live on the device, so that no step waits for the host.
class LossScaler {
 public:
  explicit LossScaler(at::Device device);

  at::Tensor scale(const at::Tensor& loss) const;

  // Divides the parameters' gradients by the scale and sets found_inf() to 1 if any of them is not finite, else 0.
  void unscale(const std::vector<at::Tensor>& parameters);

  // Adapts the scale to found_inf().
  void update();
  // In place of what unscale() found, where more is known.
  void set_found_inf(const at::Tensor& found_inf);

  const at::Tensor& found_inf() const { return found_inf_; }    // (), fp32
  const at::Tensor& scale_tensor() const { return scale_; }     // (), fp32; for saving and restoring in place
  const at::Tensor& growth_tracker() const { return growth_; }  // (), int32; likewise

 private:
  at::Tensor scale_;
  at::Tensor growth_;
  at::Tensor found_inf_;
};

}  // namespace wring
