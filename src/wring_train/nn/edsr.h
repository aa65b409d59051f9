#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace wring {

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

// EDSR (Lim et al. 2017) as BasicSR builds it: input (x − mean) · 255, conv_first, `blocks` residual blocks without
// batch norm (conv1, ReLU, conv2, + x), conv_after_body, + conv_first's output, upsample (pixel shuffles),
// conv_last, / 255 + mean. Parameters carry BasicSR's names and order.
class Edsr {
 public:
  // fp32 parameters on the CPU with PyTorch's default initialisation (Kaiming uniform, a = √5; bias uniform in
  // ±1/√fan_in), drawn from a generator of its own, seeded with `seed`.
  Edsr(EdsrShape shape, std::uint64_t seed);

  // (N, 3, h, w) in [0, 1], RGB → (N, 3, h·scale, w·scale), fp32, not clamped. Differentiable.
  at::Tensor forward(const at::Tensor& lr) const;

  // The same with other tensors in the parameters' places (an EMA, a lower precision), in the same order.
  at::Tensor forward_with(const std::vector<at::Tensor>& weights, const at::Tensor& lr) const;

  const EdsrShape& shape() const { return shape_; }
  std::vector<NamedTensor>& parameters() { return parameters_; }
  const std::vector<NamedTensor>& parameters() const { return parameters_; }
  std::vector<at::Tensor> tensors() const;  // of parameters(), in order

  // Moves every parameter; 4-D ones to channels-last strides when asked. Parameters become leaves again, with
  // requires_grad as before.
  void to(at::Device device, bool channels_last);
  void requires_grad(bool on);

  // LR pixels on each side that can influence an output pixel: the overlap that makes tiling exact.
  std::int64_t receptive_radius() const;

 private:
  EdsrShape shape_;
  std::vector<NamedTensor> parameters_;
};

// The names and shapes of the parameters, in order.
struct ParameterShape {
  std::string name;
  std::vector<std::int64_t> sizes;
};
std::vector<ParameterShape> edsr_parameters(EdsrShape shape);

}  // namespace wring
