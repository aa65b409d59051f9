#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace wring {

class FoldedTail;

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

struct EdsrShape {
  std::int64_t channels = 64;
  std::int64_t blocks = 16;
  std::int64_t scale = 4;  // 1, 2, 3, 4 or 8
  bool operator==(const EdsrShape&) const = default;
};

// How the convolutions after the trunk run: one after the other, or folded into one (FoldedTail), which is the same map
// with half the arithmetic. Scale 1 has one convolution only, and images below 3×3 are not worth folding: both take the
// plain path either way.
enum class TailPath : std::uint8_t { plain, folded };

// EDSR (Lim et al. 2017) as BasicSR builds it: input (x − mean) · 255, conv_first, `blocks` residual blocks
// without batch norm (conv1, ReLU, conv2, + x), conv_after_body, + conv_first's output, upsample (pixel
// shuffles), conv_last, / 255 + mean. Parameters carry BasicSR's names and order.
class Edsr {
 public:
  // fp32 parameters on the CPU with PyTorch's default initialisation (Kaiming uniform, a = √5; bias uniform
  // in ±1/√fan_in), drawn from a generator of its own, seeded with `seed`.
  Edsr(EdsrShape shape, std::uint64_t seed);

  // (N, 3, h, w) in [0, 1], RGB → (N, 3, h·scale, w·scale), fp32, not clamped. Differentiable.
  at::Tensor forward(const at::Tensor& lr, TailPath path = TailPath::plain) const;

  // The same with other tensors in the parameters' places (an EMA, a lower precision), in the same order.
  // Under autocast the convolutions run in its type; the scaling before and after them stays in fp32.
  at::Tensor forward_with(const std::vector<at::Tensor>& weights, const at::Tensor& lr,
                          TailPath path = TailPath::plain) const;

  // The three parts that forward_with chains, for engines that replace one of them:
  // lr → features (N, channels, h, w) after the global skip → (N, 3, h·scale, w·scale) of conv_last → result.
  // `after_block` is called after each residual block; it may throw, to give the work up.
  at::Tensor trunk_with(const std::vector<at::Tensor>& weights, const at::Tensor& lr,
                        const std::function<void()>& after_block = {}) const;
  at::Tensor tail_with(const std::vector<at::Tensor>& weights, const at::Tensor& features,
                       TailPath path = TailPath::plain) const;
  at::Tensor denormalise(const at::Tensor& last) const;

  // The folding of this scale's tail on the parameters' device; null at scale 1.
  const FoldedTail* folded_tail() const { return folded_tail_.get(); }
  // The part of `weights` that it composes.
  at::TensorList tail_weights(const std::vector<at::Tensor>& weights) const;

  const EdsrShape& shape() const { return shape_; }
  std::vector<NamedTensor>& parameters() { return parameters_; }
  const std::vector<NamedTensor>& parameters() const { return parameters_; }
  std::vector<at::Tensor> tensors() const;  // of parameters(), in order

  // Copies of an Edsr share their parameters, as at::Tensor does, until one of them is moved.
  // Moves every parameter; 4-D ones to channels-last strides when asked. Parameters become leaves again, with
  // requires_grad as before.
  void to(at::Device device, bool channels_last);
  void requires_grad(bool on);

  // LR pixels on each side that can influence an output pixel: the overlap that makes tiling exact.
  std::int64_t receptive_radius() const;

 private:
  EdsrShape shape_;
  std::vector<NamedTensor> parameters_;
  at::Tensor mean_;         // (1, 3, 1, 1), fp32, beside the parameters; not part of a checkpoint
  at::Tensor scaled_mean_;  // −mean · 255
  at::Tensor range_;        // 255, on the device, so that scaling the input is one operation
  std::shared_ptr<const FoldedTail> folded_tail_;
};

// The names and shapes of the parameters, in order.
struct ParameterShape {
  std::string name;
  std::vector<std::int64_t> sizes;
};
std::vector<ParameterShape> edsr_parameters(EdsrShape shape);

}  // namespace wring
