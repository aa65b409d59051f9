#include <array>
#include <memory>

#include "wring_train/engine/graph_cudnn.h"

#include <ATen/ATen.h>
#include <ATen/cudnn/Handle.h>
#include <cudnn.h>

#include "wring/base/error.h"

namespace wring {
namespace {

void check(cudnnStatus_t status, const char* what) {
  if (status != CUDNN_STATUS_SUCCESS) {
    throw Error(ErrorCode::failed, std::string(what) + ": " + cudnnGetErrorString(status),
                "Run wring doctor to check the driver and the GPU.");
  }
}

}  // namespace

struct ResidualConvolutions::Descriptors {
  cudnnTensorDescriptor_t activation = nullptr;
  cudnnTensorDescriptor_t bias = nullptr;
  cudnnFilterDescriptor_t weight = nullptr;
  cudnnConvolutionDescriptor_t convolution = nullptr;
  cudnnActivationDescriptor_t identity = nullptr;
  cudnnConvolutionBwdDataAlgo_t backward_algorithm = CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
  std::size_t forward_workspace = 0;
  std::size_t backward_workspace = 0;

  ~Descriptors() {
    cudnnDestroyTensorDescriptor(activation);
    cudnnDestroyTensorDescriptor(bias);
    cudnnDestroyFilterDescriptor(weight);
    cudnnDestroyConvolutionDescriptor(convolution);
    cudnnDestroyActivationDescriptor(identity);
  }
};

ResidualConvolutions::ResidualConvolutions(const at::Tensor& like) : cudnn_(std::make_unique<Descriptors>()) {
  Descriptors& d = *cudnn_;
  const cudnnDataType_t type = like.scalar_type() == at::kHalf ? CUDNN_DATA_HALF : CUDNN_DATA_BFLOAT16;
  const auto n = static_cast<int>(like.size(0));
  const auto c = static_cast<int>(like.size(1));
  const auto h = static_cast<int>(like.size(2));
  const auto w = static_cast<int>(like.size(3));
  const char* what = "Describing a convolution to cuDNN";
  check(cudnnCreateTensorDescriptor(&d.activation), what);
  check(cudnnCreateTensorDescriptor(&d.bias), what);
  check(cudnnCreateFilterDescriptor(&d.weight), what);
  check(cudnnCreateConvolutionDescriptor(&d.convolution), what);
  check(cudnnCreateActivationDescriptor(&d.identity), what);
  check(cudnnSetTensor4dDescriptor(d.activation, CUDNN_TENSOR_NHWC, type, n, c, h, w), what);
  check(cudnnSetTensor4dDescriptor(d.bias, CUDNN_TENSOR_NHWC, type, 1, c, 1, 1), what);
  check(cudnnSetFilter4dDescriptor(d.weight, type, CUDNN_TENSOR_NHWC, c, c, 3, 3), what);
  check(cudnnSetConvolution2dDescriptor(d.convolution, 1, 1, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
        what);
  check(cudnnSetConvolutionMathType(d.convolution, CUDNN_TENSOR_OP_MATH), what);
  check(cudnnSetActivationDescriptor(d.identity, CUDNN_ACTIVATION_IDENTITY, CUDNN_NOT_PROPAGATE_NAN, 0.0), what);
  cudnnHandle_t handle = at::native::getCudnnHandle();
  check(cudnnGetConvolutionForwardWorkspaceSize(handle, d.activation, d.weight, d.convolution, d.activation,
                                                CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM,
                                                &d.forward_workspace),
        what);
  std::array<cudnnConvolutionBwdDataAlgoPerf_t, 4> found{};
  int count = 0;
  check(cudnnGetConvolutionBackwardDataAlgorithm_v7(handle, d.weight, d.activation, d.convolution, d.activation,
                                                    static_cast<int>(found.size()), &count, found.data()),
        what);
  if (count > 0) d.backward_algorithm = found[0].algo;
  check(cudnnGetConvolutionBackwardDataWorkspaceSize(handle, d.weight, d.activation, d.convolution, d.activation,
                                                     d.backward_algorithm, &d.backward_workspace),
        what);
}

ResidualConvolutions::~ResidualConvolutions() = default;

void ResidualConvolutions::forward(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                   const at::Tensor& residual, at::Tensor& out) {
  const Descriptors& d = *cudnn_;
  const float one = 1;
  const at::Tensor workspace =
      at::empty({static_cast<std::int64_t>(d.forward_workspace)}, x.options().dtype(at::kByte));
  check(cudnnConvolutionBiasActivationForward(
            at::native::getCudnnHandle(), &one, d.activation, x.const_data_ptr(), d.weight, weight.const_data_ptr(),
            d.convolution, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM, workspace.mutable_data_ptr(),
            d.forward_workspace, &one, d.activation, residual.const_data_ptr(), d.bias, bias.const_data_ptr(),
            d.identity, d.activation, out.mutable_data_ptr()),
        "A convolution with bias and residual");
}

void ResidualConvolutions::add_data_gradient(const at::Tensor& gradient, const at::Tensor& weight,
                                             at::Tensor& gradient_sum) {
  const Descriptors& d = *cudnn_;
  const float one = 1;
  const at::Tensor workspace =
      at::empty({static_cast<std::int64_t>(d.backward_workspace)}, gradient.options().dtype(at::kByte));
  check(cudnnConvolutionBackwardData(at::native::getCudnnHandle(), &one, d.weight, weight.const_data_ptr(),
                                     d.activation, gradient.const_data_ptr(), d.convolution, d.backward_algorithm,
                                     workspace.mutable_data_ptr(), d.backward_workspace, &one, d.activation,
                                     gradient_sum.mutable_data_ptr()),
        "Adding a convolution's gradient");
}

}  // namespace wring
