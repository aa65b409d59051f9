#pragma once
#include <vector>

#include <ATen/core/Tensor.h>

#include "wring_train/nn/tail_tables.h"

namespace wring {

// EDSR's tail as the weights of one convolution C → 3·scale² (5×5, at LR resolution), which a pixel shuffle follows,
// and of the small ones that correct the outermost ring of LR pixels.
struct ComposedTail {
  at::Tensor kernels;              // (kernel rows, C): see TailTables
  at::Tensor biases;               // (bias rows)
  std::vector<at::Tensor> states;  // Mᵢ of each stage, (colours · states², C or C·factor²): what compose_backward needs
};

// Upsampling convolutions and pixel shuffles with no activation in between are one affine map of the LR features: this
// computes it as such, exactly, borders included (docs/decisions/0005-folded-tail.md). All functions but the last run
// outside autograd and autocast, on one device, without waiting for it, so they may be captured in a CUDA graph.
class FoldedTail {
 public:
  // scale: 2, 3, 4 or 8. Puts index tables on the device, at most a few MiB.
  FoldedTail(std::int64_t scale, at::Device device);

  // Smaller images have pixels that lie at two opposite borders.
  static bool fits(const at::Tensor& features) { return features.size(2) >= 3 && features.size(3) >= 3; }

  // `weights`: the tail's parameters in Edsr's order (weight and bias of each upsampling convolution, then of
  // conv_last), all fp32 or all float64; the result has their type. Channels-last weights save a copy.
  ComposedTail compose(at::TensorList weights) const;
  // The gradients of `weights`, in their order, from those of `kernels` and `biases`.
  std::vector<at::Tensor> compose_backward(at::TensorList weights, const ComposedTail& composed,
                                           const at::Tensor& kernels, const at::Tensor& biases) const;

  // features (N, C, h, w), h and w ≥ 3 → (N, 3, h·scale, w·scale), in the features' type. Rounds kernels and biases
  // to it if they have another.
  at::Tensor apply(const ComposedTail& composed, const at::Tensor& features) const;
  // `gradient`: of apply's result. features: undefined unless asked for; kernels and biases: in the type of
  // composed.kernels.
  struct Gradients {
    at::Tensor features, kernels, biases;
  };
  Gradients apply_backward(const ComposedTail& composed, const at::Tensor& features, const at::Tensor& gradient,
                           bool features_needed) const;

  // compose and apply for autograd: differentiable once, to features and weights. The backward pass uses this object.
  at::Tensor operator()(at::TensorList weights, const at::Tensor& features) const;

  const TailTables& tables() const { return tables_; }

 private:
  // A RowTable on the device.
  struct RowSums {
    at::Tensor starts, sources;
    at::Tensor operator()(const at::Tensor& rows) const;
  };
  struct BothWays {
    BothWays(const RowTable& table, at::Device device);
    RowSums forward, backward;
  };

  TailTables tables_;
  std::vector<BothWays> gather_;
  BothWays kernels_;
  BothWays biases_;
};

}  // namespace wring
