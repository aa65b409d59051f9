#pragma once
#include <string>

#include <ATen/core/Tensor.h>

#include "wring/config/vgg_weights.h"
#include "wring_train/nn/vgg19.h"

namespace wring {

// Mean over all elements of: "l1" |d|; "mse" d²; "charbonnier" √(d² + 1e-12) (BasicSR's ε).
// sr and hr have the same shape. Throws Error{usage} for another name.
at::Tensor pixel_loss(const std::string& name, const at::Tensor& sr, const at::Tensor& hr);

// Distance of VGG-19 features at conv5_4, before its ReLU (ESRGAN, Wang et al. 2018): mean |difference|.
class PerceptualLoss {
 public:
  // Without a file: a fixed-seed random VGG, whose features also measure structure (Liu et al., Generic Perceptual Loss
  // for Modeling Structured Output Dependencies, CVPR 2021). Throws as Vgg19::load.
  PerceptualLoss(const VggWeights& weights, at::Device device, bool channels_last);

  // sr and hr: (N, 3, H, W) in [0, 1], RGB, H and W at least 16. A scalar; the gradient flows to sr only.
  at::Tensor operator()(const at::Tensor& sr, const at::Tensor& hr) const;

  // One sentence for the log: which weights are in use, and what random ones mean.
  const Text& note() const { return note_; }

 private:
  Vgg19 vgg_;
  Text note_;
};

}  // namespace wring
