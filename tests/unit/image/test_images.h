#pragma once
#include <cstdint>

#include "wring_train/data/random.h"
#include "wring_train/image/image.h"

namespace wring {

inline Image noise(int width, int height, int channels, std::uint64_t seed = 1) {
  Image image(width, height, channels);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<std::uint8_t>(random_bits(seed, 0, i));
  }
  return image;
}

inline Image filled(int width, int height, int channels, std::uint8_t value) {
  Image image(width, height, channels);
  for (std::uint8_t& pixel : image.pixels) pixel = value;
  return image;
}

}  // namespace wring
