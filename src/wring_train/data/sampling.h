#pragma once
#include <cstdint>

#include "wring_train/data/random.h"

namespace wring {

// Where a training sample is cut and how it is turned: LR pixels, the HR corner is (x, y) × scale. The flips
// are applied to the crop, then the transpose. A function of (seed, sample) and the image's size, so that
// loaders on the host and samplers on a device cut the same patches.
struct SampleCrop {
  int x = 0;
  int y = 0;
  bool hflip = false;
  bool vflip = false;
  bool transpose = false;
};

// The top bit keeps these streams apart from those of permuted_index, which are 4 × epoch + round.
constexpr std::uint64_t kCropXStream = 0x8000000000000000ULL;
constexpr std::uint64_t kCropYStream = 0x8000000000000001ULL;
constexpr std::uint64_t kTurnStream = 0x8000000000000002ULL;

// `sample` counts samples since the start of training, over all processes. columns and rows are the numbers
// of places the corner can have: LR size − LR patch + 1.
constexpr SampleCrop draw_crop(std::uint64_t seed, std::uint64_t sample, std::uint32_t columns, std::uint32_t rows,
                               bool hflip, bool rotate) {
  const std::uint64_t turn = random_bits(seed, kTurnStream, sample);
  SampleCrop crop;
  crop.x = static_cast<int>(random_below(random_bits(seed, kCropXStream, sample), columns));
  crop.y = static_cast<int>(random_below(random_bits(seed, kCropYStream, sample), rows));
  crop.hflip = hflip && (turn & 1) != 0;
  crop.vflip = rotate && (turn & 2) != 0;
  crop.transpose = rotate && (turn & 4) != 0;
  return crop;
}

}  // namespace wring
