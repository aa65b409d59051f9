#pragma once
#include <memory>

#include <ATen/core/Tensor.h>

namespace wring {

// The two convolutions of a residual block that end in a sum, with the sum inside cuDNN's kernel, which ATen does not
// offer: 3×3, stride 1, padding 1, on channels-last tensors of 16 bits, on the current stream.
class ResidualConvolutions {
 public:
  // For activations of this shape (N, C, h, w), channels-last.
  explicit ResidualConvolutions(const at::Tensor& like);
  ~ResidualConvolutions();
  ResidualConvolutions(const ResidualConvolutions&) = delete;
  ResidualConvolutions& operator=(const ResidualConvolutions&) = delete;

  // out = x ∗ weight + bias + residual; bias (C) of x's type.
  void forward(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& residual,
               at::Tensor& out);
  // gradient_sum += the gradient of the input of a convolution whose output has this gradient.
  void add_data_gradient(const at::Tensor& gradient, const at::Tensor& weight, at::Tensor& gradient_sum);

 private:
  struct Descriptors;
  std::unique_ptr<Descriptors> cudnn_;
};

}  // namespace wring
