#pragma once
// What the convolutions and their weight gradients share: how pixels are divided among blocks, and how they come into
// shared memory.
#include "wring_train/kernels/tensor_core.cuh"

namespace wring::kernels {

// A block computes tiles of 8 rows of 16 pixels; a row of pixels is the 16 rows of a matrix instruction.
constexpr int kTileRows = 8;
constexpr int kTileColumns = 16;
constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarp;
constexpr int kPad = 8;  // elements after each row in shared memory: neighbouring rows start in different banks

struct Tile {
  int sample, y, x;
};

struct Tiles {
  int height, width;  // of an image, in pixels
  int rows, columns, count;

  __host__ __device__ Tiles(int batch, int image_height, int image_width)
      : height(image_height),
        width(image_width),
        rows((height + kTileRows - 1) / kTileRows),
        columns((width + kTileColumns - 1) / kTileColumns),
        count(rows * columns * batch) {}
  __device__ Tile at(int index) const {
    return {index / (rows * columns), index / columns % rows * kTileRows, index % columns * kTileColumns};
  }
};

// The tile's pixels and those around it, `halo` on each side; zeros outside the image. Channels [first, first +
// kChannels) of `channels`.
template <typename T, int kRows, int kColumns, int kChannels>
__device__ void load_pixels(T* shared, const T* in, const Tiles& tiles, const Tile& tile, int halo, int channels,
                            int first) {
  constexpr int kVectors = kChannels / 8;
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kColumns * kVectors; i += kThreads) {
    const int vector = i % kVectors;
    const int pixel = i / kVectors;
    const int y = tile.y + pixel / kColumns - halo;
    const int x = tile.x + pixel % kColumns - halo;
    const bool inside = y >= 0 && y < tiles.height && x >= 0 && x < tiles.width;
    const std::int64_t from = (static_cast<std::int64_t>(tile.sample) * tiles.height + y) * tiles.width + x;
    copy_async(shared + pixel * (kChannels + kPad) + vector * 8,
               in + (inside ? from * channels + first + vector * 8 : 0), inside);
  }
}

}  // namespace wring::kernels
