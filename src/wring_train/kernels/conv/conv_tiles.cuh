#pragma once
// What the convolutions and their weight gradients share: how pixels are divided among blocks, and how they come into
// shared memory.
#include "wring_train/kernels/conv/conv.h"
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
  int rows, columns, count;

  __host__ __device__ explicit Tiles(const ConvShape& shape)
      : rows((shape.height + kTileRows - 1) / kTileRows),
        columns((shape.width + kTileColumns - 1) / kTileColumns),
        count(rows * columns * shape.batch) {}
  __device__ Tile at(int index) const {
    return {index / (rows * columns), index / columns % rows * kTileRows, index % columns * kTileColumns};
  }
};

// The tile's pixels and those around it, `halo` on each side; zeros outside the image. Channels [first, first +
// kChannels) of `channels`.
template <typename T, int kRows, int kColumns, int kChannels>
__device__ void load_pixels(T* shared, const T* in, const ConvShape& shape, const Tile& tile, int halo, int channels,
                            int first) {
  constexpr int kVectors = kChannels / 8;
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kColumns * kVectors; i += kThreads) {
    const int vector = i % kVectors;
    const int pixel = i / kVectors;
    const int y = tile.y + pixel / kColumns - halo;
    const int x = tile.x + pixel % kColumns - halo;
    const bool inside = y >= 0 && y < shape.height && x >= 0 && x < shape.width;
    const std::int64_t from = (static_cast<std::int64_t>(tile.sample) * shape.height + y) * shape.width + x;
    copy_async(shared + pixel * (kChannels + kPad) + vector * 8,
               in + (inside ? from * channels + first + vector * 8 : 0), inside);
  }
}

}  // namespace wring::kernels
