#include "wring_train/restore/upscaler.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "wring/base/error.h"
#include "wring_train/engine/eager/batch_tensor.h"
#include "wring_train/image/bicubic.h"

namespace wring {
namespace {

at::Tensor to_tensor(const Image& rgb, at::Device device) {
  const at::Tensor bytes =
      at::from_blob(const_cast<std::uint8_t*>(rgb.pixels.data()), {1, rgb.height, rgb.width, 3}, at::kByte);
  return images_to_float(bytes.to(device));
}

// (1, 3, H, W) in [0, 1] → rounded bytes, (H, W, channels) on the CPU.
at::Tensor to_bytes(const at::Tensor& image, bool gray) {
  at::Tensor values = image[0];
  if (gray) values = values.mean(0, /*keepdim=*/true);
  // Half up, like MATLAB's uint8(): values are never negative here.
  values = values.clamp(0, 1).mul(255).add(0.5).floor().to(at::kByte);
  return values.permute({1, 2, 0}).contiguous().cpu();
}

// Sides are ints here, as in PNG.
void check_result(const Image& lr, std::int64_t scale) {
  const std::int64_t width = lr.width * scale;
  const std::int64_t height = lr.height * scale;
  if (std::max(width, height) <= std::numeric_limits<int>::max()) return;
  throw Error(ErrorCode::failed,
              {"the result would be {} × {} pixels, more than a PNG can have", "结果将为 {} × {} 像素，超出 PNG 的上限",
               width, height},
              {"cut the image into parts", "请将图像切分"});
}

// Validation images come in many sizes: timing every cuDNN algorithm for each of them would cost far more than it
// saves. A deterministic choice while this lives, then what the training step has.
class WithoutBenchmarks {
 public:
  WithoutBenchmarks() { at::globalContext().setBenchmarkCuDNN(false); }
  ~WithoutBenchmarks() { at::globalContext().setBenchmarkCuDNN(before_); }
  WithoutBenchmarks(const WithoutBenchmarks&) = delete;
  WithoutBenchmarks& operator=(const WithoutBenchmarks&) = delete;

 private:
  bool before_ = at::globalContext().benchmarkCuDNN();
};

Image channel(const Image& image, int index) {
  Image plane(image.width, image.height, 1);
  for (std::size_t i = 0; i < plane.pixels.size(); ++i) plane.pixels[i] = image.pixels[i * image.channels + index];
  return plane;
}

void set_channel(Image& image, int index, const Image& plane) {
  for (std::size_t i = 0; i < plane.pixels.size(); ++i) image.pixels[i * image.channels + index] = plane.pixels[i];
}

}  // namespace

Upscaler::Upscaler(const Edsr& model, at::Device device, bool channels_last, int tile, TailPath path)
    : model_(model), weights_(model.tensors()), device_(device), channels_last_(channels_last), tile_(tile) {
  if (path == TailPath::folded && model.folded_tail() != nullptr) {
    tail_ = model.folded_tail()->compose(model.tail_weights(weights_));
    tail_->states.clear();  // only a backward pass would read it
  }
}

at::Tensor Upscaler::forward(const at::Tensor& lr) const {
  const c10::NoGradGuard no_grad;
  const at::Tensor features = model_.trunk_with(
      weights_, lr.contiguous(channels_last_ ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous),
      while_working_);
  const bool folded = tail_ && FoldedTail::fits(features);
  return model_.denormalise(folded ? model_.folded_tail()->apply(*tail_, features)
                                   : model_.tail_with(weights_, features));
}

Image Upscaler::operator()(const Image& lr, const std::function<void(int, int)>& progress) const {
  const WithoutBenchmarks without_benchmarks;
  const int scale = static_cast<int>(model_.shape().scale);
  const bool gray = lr.channels == 1;
  const at::Tensor input = to_tensor(to_rgb(lr), device_);
  const int overlap = static_cast<int>(model_.receptive_radius());
  const int step = tile_ > 0 ? tile_ : std::max(lr.width, lr.height);
  const int columns = (lr.width + step - 1) / step;
  const int rows = (lr.height + step - 1) / step;
  const int channels = gray ? 1 : 3;
  check_result(lr, scale);
  Image sr(lr.width * scale, lr.height * scale, channels);
  const at::Tensor output = at::from_blob(sr.pixels.data(), {sr.height, sr.width, channels}, at::kByte);
  for (int tile = 0; tile < rows * columns; ++tile) {
    const int x = tile % columns * step;
    const int y = tile / columns * step;
    const int x_end = std::min(x + step, lr.width);
    const int y_end = std::min(y + step, lr.height);
    const int left = std::max(0, x - overlap);
    const int top = std::max(0, y - overlap);
    const int right = std::min(lr.width, x_end + overlap);
    const int bottom = std::min(lr.height, y_end + overlap);
    const at::Tensor bytes = to_bytes(forward(input.slice(2, top, bottom).slice(3, left, right)), gray);
    output.slice(0, y * scale, y_end * scale)
        .slice(1, x * scale, x_end * scale)
        .copy_(bytes.slice(0, (y - top) * scale, (y_end - top) * scale)
                   .slice(1, (x - left) * scale, (x_end - left) * scale));
    if (progress) progress(tile + 1, rows * columns);
    if (while_working_) while_working_();
  }
  if (lr.channels != 4) return sr;
  Image with_alpha(sr.width, sr.height, 4);
  for (int c = 0; c < 3; ++c) set_channel(with_alpha, c, channel(sr, c));
  set_channel(with_alpha, 3, bicubic_enlarge(channel(lr, 3), scale));
  return with_alpha;
}

}  // namespace wring
