#include "wring_train/data/patch.h"

#include <algorithm>
#include <cstring>

namespace wring {
namespace {

constexpr int kChannels = 3;

void copy_pixel(const std::uint8_t* from, std::uint8_t* to) {
  to[0] = from[0];
  to[1] = from[1];
  to[2] = from[2];
}

void copy_row(const std::uint8_t* from, int patch, bool reversed, std::uint8_t* to) {
  if (!reversed) {
    std::memcpy(to, from, std::size_t(patch) * kChannels);
    return;
  }
  from += (patch - 1) * kChannels;
  for (int i = 0; i < patch; ++i) copy_pixel(from - i * kChannels, to + i * kChannels);
}

}  // namespace

void copy_patch(const std::uint8_t* corner, std::size_t stride, int patch, const SampleDraw& turn, std::uint8_t* out) {
  const auto source_row = [&](int i) { return corner + std::size_t(turn.vflip != 0 ? patch - 1 - i : i) * stride; };
  const std::size_t out_stride = std::size_t(patch) * kChannels;
  if (turn.transpose == 0) {
    for (int i = 0; i < patch; ++i) copy_row(source_row(i), patch, turn.hflip != 0, out + i * out_stride);
    return;
  }
  // Tiles of 16 pixels, about a cache line, so that neither the reads nor the writes jump a row per pixel.
  constexpr int kTile = 16;
  for (int top = 0; top < patch; top += kTile) {
    const int bottom = std::min(top + kTile, patch);
    for (int left = 0; left < patch; left += kTile) {
      const int right = std::min(left + kTile, patch);
      for (int i = top; i < bottom; ++i) {
        const std::uint8_t* from = source_row(i);
        for (int j = left; j < right; ++j) {
          copy_pixel(from + (turn.hflip != 0 ? patch - 1 - j : j) * kChannels, out + j * out_stride + i * kChannels);
        }
      }
    }
  }
}

}  // namespace wring
