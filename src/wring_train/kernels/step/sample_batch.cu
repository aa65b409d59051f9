#include "wring_train/kernels/cuda_check.h"
#include "wring_train/kernels/step/sample_batch.h"

namespace wring::kernels {
namespace {

constexpr int kChannels = 3;
constexpr int kDrawThreads = 128;
constexpr int kCutThreads = 256;
// A block cuts one tile. It is wide in the source, whatever the turn, because reads over the bus need long rows.
constexpr int kTileWidth = 64;
constexpr int kTileHeight = 16;
// A row of the tile in shared memory: its bytes, up to three before and after them, and an odd number of words, so that
// reading down a column (a transposed tile) does not meet the same bank again and again.
constexpr int kRowWords = ((kTileWidth * kChannels + 3 + 3) / 4) | 1;

__global__ void draw(ImagesView images, SamplerSettings settings, const std::int64_t* step, SampleDraw* draws) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < settings.batch_size) {
    draws[i] = draw_sample(settings, images.images, images.count, static_cast<std::uint64_t>(*step),
                           static_cast<std::uint64_t>(i));
  }
}

__host__ __device__ constexpr int tiles_along(int patch, int tile) {
  return (patch + tile - 1) / tile;
}

__host__ __device__ constexpr int tile_count(int patch) {
  return tiles_along(patch, kTileWidth) * tiles_along(patch, kTileHeight);
}

struct Tile {
  int x, y, width, height;
};

// Tile `index` of the turned patch. Transposed ones are high and narrow, so that their source is wide.
__device__ Tile tile_of(int index, int patch, bool transposed) {
  const int width = transposed ? kTileHeight : kTileWidth;
  const int height = transposed ? kTileWidth : kTileHeight;
  const int columns = tiles_along(patch, width);
  const int x = index % columns * width;
  const int y = index / columns * height;
  return {x, y, min(width, patch - x), min(height, patch - y)};
}

// Where the tile's pixels lie in the crop before it is turned.
__device__ Tile source_of(const Tile& tile, const SampleDraw& turn, int patch) {
  const PatchPixel a = turned_from(turn, patch, tile.x, tile.y);
  const PatchPixel b = turned_from(turn, patch, tile.x + tile.width - 1, tile.y + tile.height - 1);
  return {min(a.x, b.x), min(a.y, b.y), abs(a.x - b.x) + 1, abs(a.y - b.y) + 1};
}

// `corner`: the crop's first byte in the set; `stride`: bytes from a row of the image to the next.
__device__ void cut_tile(const std::uint8_t* bytes, std::uint64_t corner, std::uint64_t stride, const SampleDraw& turn,
                         int patch, int index, std::uint8_t* out) {
  __shared__ std::uint32_t rows[kTileHeight][kRowWords];
  const Tile tile = tile_of(index, patch, turn.transpose != 0);
  const Tile source = source_of(tile, turn, patch);
  corner += source.y * stride + static_cast<std::uint64_t>(source.x) * kChannels;

  for (int i = static_cast<int>(threadIdx.x); i < source.height * kRowWords; i += kCutThreads) {
    const int row = i / kRowWords;
    const int word = i % kRowWords;
    const std::uint64_t first = corner + row * stride;
    const std::uint64_t last = first + source.width * kChannels;
    const std::uint64_t at = first / 4 * 4 + word * 4;
    if (at < last) rows[row][word] = *reinterpret_cast<const std::uint32_t*>(bytes + at);
  }
  __syncthreads();

  const auto* staged = reinterpret_cast<const std::uint8_t*>(rows);
  const int row_bytes = tile.width * kChannels;
  for (int i = static_cast<int>(threadIdx.x); i < tile.height * row_bytes; i += kCutThreads) {
    const int y = i / row_bytes;
    const int x = i % row_bytes / kChannels;
    const int channel = i % row_bytes % kChannels;
    const PatchPixel from = turned_from(turn, patch, tile.x + x, tile.y + y);
    const int row = from.y - source.y;
    const auto before =
        static_cast<int>((corner + row * stride) % 4);  // bytes of the first word before the row's first
    out[(static_cast<std::int64_t>(tile.y + y) * patch + tile.x) * kChannels + i % row_bytes] =
        staged[row * kRowWords * 4 + before + (from.x - source.x) * kChannels + channel];
  }
}

__global__ void __launch_bounds__(kCutThreads)
    cut(ImagesView images, SamplerSettings settings, const SampleDraw* draws, std::uint8_t* hr, std::uint8_t* lr) {
  const SampleDraw turn = draws[blockIdx.y];
  const StoredImage image = images.images[turn.image];
  const int patch = settings.patch_size;
  const int lr_patch = settings.lr_patch();
  const int hr_tiles = hr != nullptr ? tile_count(patch) : 0;
  const int tile = static_cast<int>(blockIdx.x);
  const std::int64_t sample = blockIdx.y;
  if (tile < hr_tiles) {
    const std::uint64_t stride = static_cast<std::uint64_t>(image.hr_width) * kChannels;
    const std::uint64_t corner = image.hr_offset + static_cast<std::uint64_t>(turn.y) * settings.scale * stride +
                                 static_cast<std::uint64_t>(turn.x) * settings.scale * kChannels;
    cut_tile(images.bytes, corner, stride, turn, patch, tile, hr + sample * patch * patch * kChannels);
  } else {
    const std::uint64_t stride = static_cast<std::uint64_t>(image.lr_width) * kChannels;
    const std::uint64_t corner =
        image.lr_offset + static_cast<std::uint64_t>(turn.y) * stride + static_cast<std::uint64_t>(turn.x) * kChannels;
    cut_tile(images.bytes, corner, stride, turn, lr_patch, tile - hr_tiles,
             lr + sample * lr_patch * lr_patch * kChannels);
  }
}

}  // namespace

void draw_samples(const ImagesView& images, const SamplerSettings& settings, const std::int64_t* step,
                  SampleDraw* draws, void* stream) {
  const auto blocks = static_cast<unsigned>((settings.batch_size + kDrawThreads - 1) / kDrawThreads);
  draw<<<blocks, kDrawThreads, 0, static_cast<cudaStream_t>(stream)>>>(images, settings, step, draws);
  check(cudaGetLastError(), "Drawing the samples of a batch");
}

void cut_samples(const ImagesView& images, const SamplerSettings& settings, const SampleDraw* draws, std::uint8_t* hr,
                 std::uint8_t* lr, void* stream) {
  const int tiles =
      (hr != nullptr ? tile_count(settings.patch_size) : 0) + (lr != nullptr ? tile_count(settings.lr_patch()) : 0);
  if (tiles == 0) return;
  const dim3 blocks(static_cast<unsigned>(tiles), static_cast<unsigned>(settings.batch_size));
  cut<<<blocks, kCutThreads, 0, static_cast<cudaStream_t>(stream)>>>(images, settings, draws, hr, lr);
  check(cudaGetLastError(), "Cutting the samples of a batch");
}

}  // namespace wring::kernels
