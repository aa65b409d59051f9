#pragma once
#include <memory>

#include <ATen/core/Tensor.h>

#include "wring_train/kernels/step/finish_step.h"

namespace wring {

// cuDNN's convolutions with stride 1, as ATen offers them, without bias and outside autograd.
at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, std::int64_t padding);
at::Tensor convolution_data_gradient(const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& weight,
                                     std::int64_t padding);
at::Tensor convolution_weight_gradient(const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& weight,
                                       std::int64_t padding);

kernels::ElementType element_type(at::ScalarType type);

// A convolution whose result is added to something, with the sum inside cuDNN's kernel, which ATen does not offer:
// 3×3, stride 1, padding 1, as many output as input channels, on channels-last tensors of 16 bits.
class ResidualConvolution {
 public:
  // For activations (batch, channels, side, side) of `type`.
  ResidualConvolution(int batch, int channels, int side, at::ScalarType type);
  ~ResidualConvolution();
  ResidualConvolution(const ResidualConvolution&) = delete;
  ResidualConvolution& operator=(const ResidualConvolution&) = delete;

  // x ∗ weight + bias + residual, on the current stream; bias (C) of x's type.
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                        const at::Tensor& residual) const;

 private:
  struct Descriptors;
  std::unique_ptr<Descriptors> cudnn_;
};

}  // namespace wring
