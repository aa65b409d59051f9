#pragma once
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "wring_train/image/image.h"
#include "wring_train/nn/edsr.h"
#include "wring_train/nn/folded_tail.h"

namespace wring {

// Applies a network to whole images in fp32. Images larger than a tile are cut into tiles that overlap by the
// network's receptive radius, so every output pixel sees exactly the input it would see untiled.
class Upscaler {
 public:
  // `model` is kept by reference and must already be on `device`; its tail is composed here, once for all images, so it
  // must not change afterwards. tile: LR pixels on a side without the overlap; 0 means never in tiles.
  Upscaler(const Edsr& model, at::Device device, bool channels_last, int tile, TailPath path = TailPath::folded);

  // Called many times an image, on a CPU too about every tenth of a second; it may throw, to give the image up.
  void while_working(std::function<void()> call) { while_working_ = std::move(call); }

  // Gray, RGB or RGBA; the result has the same channels, `scale` times the size. Gray is passed as three equal channels
  // and comes back as their mean; alpha is enlarged by bicubic. `progress(done, total)` is called after each tile.
  Image operator()(const Image& lr, const std::function<void(int, int)>& progress = {}) const;

 private:
  at::Tensor forward(const at::Tensor& lr) const;

  const Edsr& model_;
  std::vector<at::Tensor> weights_;
  std::optional<ComposedTail> tail_;
  at::Device device_;
  bool channels_last_;
  int tile_;
  std::function<void()> while_working_;
};

}  // namespace wring
