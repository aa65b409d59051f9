#pragma once
#include <ATen/core/Tensor.h>
#include <ATen/cuda/CUDAEvent.h>

#include "wring_train/engine/graph/side_stream.h"
#include "wring_train/engine/graph/work.h"
#include "wring_train/kernels/low_type.h"
#include "wring_train/kernels/step/pixel_loss.h"
#include "wring_train/kernels/tail/compose.h"
#include "wring_train/nn/tail_paths.h"

namespace wring {

// EDSR's tail as one 5×5 convolution at LR resolution, exact at the borders (nn/tail_paths.h), in kernels that a CUDA
// graph captures: composition from the fp32 parameters, the border's corrections, and the way back. Everything is
// enqueued on the current stream.
class GraphTail {
 public:
  // `sparing`: the border's patches give their memory to their gradient, for which add_border() then waits longer.
  GraphTail(const EdsrShape& shape, kernels::LowType type, int batch, int side, const FlatVectors& vectors,
            bool sparing);

  // weights → centre, edge and corner kernels and biases
  void compose();
  // features (batch, channels, side, side), channels-last → the border's corrections
  void correct_border(const at::Tensor& features);
  kernels::TailOutput output(const at::Tensor& centre) const;
  kernels::TailGradient gradient();

  // After the loss: the gradients of the border's kernels and of its patches of features. The latter are there after
  // `patches_ready`,
  void border_backward(at::cuda::CUDAEvent& patches_ready);
  // … to be added to the features' gradient;
  void add_border(at::Tensor& features_gradient) const;
  // then the gradient of the weights, from that of the centre kernel (outputs, channels, 5, 5) and of the bias. What
  // nothing here waits for runs `beside`.
  void decompose(const at::Tensor& centre_weight_gradient, const at::Tensor& bias_partials, SideStream& beside);
  void append_sources(std::vector<kernels::GradientSource>& sources) const;

  const at::Tensor& centre_weight() const { return centre_; }  // (outputs, channels, 5, 5), channels-last
  at::Tensor& centre_gradient() { return centre_gradient_; }   // (batch, outputs, side, side), channels-last

 private:
  struct Stage {
    kernels::ComposeStage tables;
    at::Tensor weights;  // the convolution's rows, fp32
    at::Tensor weight_gradient;
    at::Tensor input;  // the product's left matrix; of stage 1 conv_last's weights
    at::Tensor input_gradient;
    at::Tensor product;
    at::Tensor product_gradient;
  };

  void upload_tables(const TailPaths& paths, at::Device device);
  void allocate(const FlatVectors& vectors, const EdsrShape& shape);
  void border_patch_gradient();
  void border_kernel_gradient();

  kernels::ComposeShape shape_;
  kernels::LowType type_;
  int batch_;
  int side_;
  bool sparing_;
  std::vector<Stage> stages_;
  std::vector<at::Tensor> tables_;  // own the index lists
  std::vector<std::int64_t> up_offsets_;
  std::int64_t last_offset_ = 0;
  std::int64_t last_bias_offset_ = 0;
  at::Tensor last_bias_, last_bias_gradient_, set_bias_;
  at::Tensor centre_, edges_, corners_, bias_;  // kernels
  at::Tensor edge_kernel_gradient_, corner_kernel_gradient_;
  at::Tensor edge_patches_, corner_patches_, edge_patch_gradient_, corner_patch_gradient_;
  at::Tensor edge_output_, corner_output_, centre_gradient_, edge_gradient_, corner_gradient_;
};

}  // namespace wring
