#include "wring_train/nn/flops.h"

#include <array>

#include "wring/plan/edsr_shape.h"

namespace wring {
namespace {

double tail_macs(const EdsrShape& shape, bool folded) {
  const auto channels = static_cast<double>(shape.channels);
  const auto scale = static_cast<double>(shape.scale);
  if (folded) return 25 * channels * 3 * scale * scale;
  double macs = 0;
  double pixels = 1;  // per LR pixel
  const auto [stages, factor] = edsr_upsampling(shape.scale);
  const auto sub_pixels = static_cast<double>(factor * factor);
  for (std::int64_t stage = 0; stage < stages; ++stage) {
    macs += pixels * 9 * channels * channels * sub_pixels;
    pixels *= sub_pixels;
  }
  return macs + pixels * 9 * channels * 3;
}

}  // namespace

double training_flops_per_sample(const EdsrShape& shape, std::int64_t lr_height, std::int64_t lr_width,
                                 bool folded_tail) {
  const auto channels = static_cast<double>(shape.channels);
  const double first = 9 * 3 * channels;
  const double body = static_cast<double>(2 * shape.blocks + 1) * 9 * channels * channels;
  const double others = body + tail_macs(shape, folded_tail);
  const double macs = 2 * first + 3 * others;
  return 2 * macs * static_cast<double>(lr_height * lr_width);
}

double perceptual_flops_per_sample(std::int64_t hr_height, std::int64_t hr_width) {
  // VGG-19 (Simonyan and Zisserman 2015): convolutions at each resolution, and their width.
  struct Stage {
    double convolutions, channels;
  };
  constexpr std::array<Stage, 5> kStages{{{2, 64}, {2, 128}, {4, 256}, {4, 512}, {4, 512}}};
  double forward = 0;
  double before = 3;
  double pixels = static_cast<double>(hr_height * hr_width);
  for (const Stage& stage : kStages) {
    const double entry = pixels * 9 * before * stage.channels;
    forward += entry + (stage.convolutions - 1) * pixels * 9 * stage.channels * stage.channels;
    before = stage.channels;
    pixels /= 4;
  }
  return 2 * 3 * forward;  // two forward passes and one data gradient, down to the image
}

}  // namespace wring
