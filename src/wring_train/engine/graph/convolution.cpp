#include "wring_train/engine/graph/convolution.h"

#include <cudnn.h>

#include <ATen/ATen.h>
#include <ATen/cudnn/Handle.h>

namespace wring {
namespace {

void check(cudnnStatus_t status, const char* what) {
  // As ATen's own calls fail, so that the engine treats both alike.
  TORCH_CHECK(status == CUDNN_STATUS_SUCCESS, what, ": ", cudnnGetErrorString(status));
}

// The only one that takes the identity in the place of an activation.
constexpr cudnnConvolutionFwdAlgo_t kAlgorithm = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;

}  // namespace

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, std::int64_t padding) {
  const at::Context& context = at::globalContext();
  return at::cudnn_convolution(x, weight, {padding, padding}, {1, 1}, {1, 1}, 1, context.benchmarkCuDNN(),
                               context.deterministicCuDNN(), /*allow_tf32=*/true);
}

at::Tensor convolution_data_gradient(const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& weight,
                                     std::int64_t padding) {
  return std::get<0>(at::convolution_backward(gradient, x, weight, std::nullopt, {1, 1}, {padding, padding}, {1, 1},
                                              false, {0, 0}, 1, {true, false, false}));
}

at::Tensor convolution_weight_gradient(const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& weight,
                                       std::int64_t padding) {
  return std::get<1>(at::convolution_backward(gradient, x, weight, std::nullopt, {1, 1}, {padding, padding}, {1, 1},
                                              false, {0, 0}, 1, {false, true, false}));
}

kernels::ElementType element_type(at::ScalarType type) {
  if (type == at::kFloat) return kernels::ElementType::fp32;
  return type == at::kBFloat16 ? kernels::ElementType::bf16 : kernels::ElementType::fp16;
}

struct ResidualConvolution::Descriptors {
  cudnnTensorDescriptor_t activation = nullptr;
  cudnnTensorDescriptor_t bias = nullptr;
  cudnnFilterDescriptor_t weight = nullptr;
  cudnnConvolutionDescriptor_t convolution = nullptr;
  cudnnActivationDescriptor_t identity = nullptr;
  std::size_t workspace = 0;  // bytes

  ~Descriptors() {
    cudnnDestroyTensorDescriptor(activation);
    cudnnDestroyTensorDescriptor(bias);
    cudnnDestroyFilterDescriptor(weight);
    cudnnDestroyConvolutionDescriptor(convolution);
    cudnnDestroyActivationDescriptor(identity);
  }
};

ResidualConvolution::ResidualConvolution(int batch, int channels, int side, at::ScalarType scalar_type)
    : cudnn_(std::make_unique<Descriptors>()) {
  Descriptors& d = *cudnn_;
  const cudnnDataType_t type = scalar_type == at::kHalf ? CUDNN_DATA_HALF : CUDNN_DATA_BFLOAT16;
  const char* what = "Describing a convolution to cuDNN";
  check(cudnnCreateTensorDescriptor(&d.activation), what);
  check(cudnnCreateTensorDescriptor(&d.bias), what);
  check(cudnnCreateFilterDescriptor(&d.weight), what);
  check(cudnnCreateConvolutionDescriptor(&d.convolution), what);
  check(cudnnCreateActivationDescriptor(&d.identity), what);
  check(cudnnSetTensor4dDescriptor(d.activation, CUDNN_TENSOR_NHWC, type, batch, channels, side, side), what);
  check(cudnnSetTensor4dDescriptor(d.bias, CUDNN_TENSOR_NHWC, type, 1, channels, 1, 1), what);
  check(cudnnSetFilter4dDescriptor(d.weight, type, CUDNN_TENSOR_NHWC, channels, channels, 3, 3), what);
  check(cudnnSetConvolution2dDescriptor(d.convolution, 1, 1, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
        what);
  check(cudnnSetConvolutionMathType(d.convolution, CUDNN_TENSOR_OP_MATH), what);
  check(cudnnSetActivationDescriptor(d.identity, CUDNN_ACTIVATION_IDENTITY, CUDNN_NOT_PROPAGATE_NAN, 0.0), what);
  check(cudnnGetConvolutionForwardWorkspaceSize(at::native::getCudnnHandle(), d.activation, d.weight, d.convolution,
                                                d.activation, kAlgorithm, &d.workspace),
        what);
}

ResidualConvolution::~ResidualConvolution() = default;

at::Tensor ResidualConvolution::operator()(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                           const at::Tensor& residual) const {
  const Descriptors& d = *cudnn_;
  const float one = 1;
  at::Tensor out = at::empty_like(x);
  const at::Tensor workspace = at::empty({static_cast<std::int64_t>(d.workspace)}, x.options().dtype(at::kByte));
  check(cudnnConvolutionBiasActivationForward(
            at::native::getCudnnHandle(), &one, d.activation, x.const_data_ptr(), d.weight, weight.const_data_ptr(),
            d.convolution, kAlgorithm, workspace.mutable_data_ptr(), d.workspace, &one, d.activation,
            residual.const_data_ptr(), d.bias, bias.const_data_ptr(), d.identity, d.activation, out.mutable_data_ptr()),
        "A convolution with bias and residual");
  return out;
}

}  // namespace wring
