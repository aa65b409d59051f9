#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <vector>

#include <ATen/core/Tensor.h>

namespace wring {

// The convolutions of VGG-19 (Simonyan and Zisserman 2015) up to conv5_4, which is all of them, frozen.
class Vgg19 {
 public:
  // From a safetensors file, or one of torch.save, with torchvision's names (features.0.weight …); the prefix
  // "features." may be absent or preceded by "module.". Other tensors (the classifier) are not read. Throws
  // Error{failed} naming the file and the first tensor that is missing or of another size.
  static Vgg19 load(const std::filesystem::path& path);

  // He-normal weights (σ² = 2 / fan_in, which keeps the scale of activations through ReLUs), biases 0.
  static Vgg19 random(std::uint64_t seed);

  void to(at::Device device, bool channels_last);

  // Features at conv5_4 before its ReLU, (N, 512, H/16, W/16), of RGB images (N, 3, H, W) in [0, 1], which
  // are normalised with ImageNet's mean and standard deviation. H and W are at least 16, else Error{usage}.
  // Under autocast the convolutions run in its type.
  at::Tensor conv5_4(const at::Tensor& images) const;

  // weight, bias, weight, bias, … of the sixteen convolutions, fp32.
  const std::vector<at::Tensor>& weights() const { return weights_; }

 private:
  explicit Vgg19(std::vector<at::Tensor> weights);
  const std::vector<at::Tensor>& weights_in(at::ScalarType type) const;

  std::vector<at::Tensor> weights_;
  at::Tensor scale_;  // (1, 3, 1, 1): 1/σ and −μ/σ of ImageNet's channels
  at::Tensor shift_;
  // Frozen weights are narrowed once; autocast, which caches only what is trained, would do it at every call.
  mutable std::map<at::ScalarType, std::vector<at::Tensor>> narrowed_;
};

}  // namespace wring
