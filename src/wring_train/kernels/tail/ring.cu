#include "wring_train/kernels/cuda_check.h"
#include "wring_train/kernels/low_precision.cuh"
#include "wring_train/kernels/tail/ring.h"

namespace wring::kernels {
namespace {

constexpr int kThreads = 256;

// The patch of an edge's pixel t, or of a corner: its first row and column, and how wide it is.
struct Patch {
  int y, x, width;
};

__device__ Patch edge_patch(int edge, int t, int side) {
  switch (edge) {
    case 0:
      return {0, t - 2, 5};
    case 1:
      return {side - 2, t - 2, 5};
    case 2:
      return {t - 2, 0, 2};
    default:
      return {t - 2, side - 2, 2};
  }
}

__device__ Patch corner_patch(int corner, int side) {
  return {corner / 2 == 0 ? 0 : side - 2, corner % 2 == 0 ? 0 : side - 2, 2};
}

template <typename T>
__device__ Vec8<T> patch_vector(const Vec8<T>* features, const Patch& patch, int pixels, int index, int sample,
                                int side, int vectors) {
  Vec8<T> result;
  for (int i = 0; i < 8; ++i) result.at[i] = narrow<T>(0.0F);
  const int pixel = index / vectors;
  if (pixel == pixels) {
    result.at[0] = narrow<T>(1.0F);
    return result;
  }
  const int y = patch.y + pixel / patch.width;
  const int x = patch.x + pixel % patch.width;
  if (y < 0 || y >= side || x < 0 || x >= side) return result;
  return features[((static_cast<std::int64_t>(sample) * side + y) * side + x) * vectors + index % vectors];
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    gather(const Vec8<T>* features, int batch, int side, int vectors, Vec8<T>* edges, Vec8<T>* corners) {
  const int edge_vectors = 10 * vectors + 1;
  const int corner_vectors = 4 * vectors + 1;
  const std::int64_t edge_total = static_cast<std::int64_t>(4) * batch * side * edge_vectors;
  const std::int64_t corner_total = static_cast<std::int64_t>(4) * batch * corner_vectors;
  std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < edge_total) {
    const auto row = static_cast<int>(i / edge_vectors);
    const int t = row % side;
    const int sample = row / side % batch;
    const int edge = row / side / batch;
    edges[i] = patch_vector(features, edge_patch(edge, t, side), 10, static_cast<int>(i % edge_vectors), sample, side,
                            vectors);
    return;
  }
  i -= edge_total;
  if (i >= corner_total) return;
  const auto row = static_cast<int>(i / corner_vectors);
  corners[i] = patch_vector(features, corner_patch(row / batch, side), 4, static_cast<int>(i % corner_vectors),
                            row % batch, side, vectors);
}

// Pixel i of those that lie at most two pixels from the border.
struct Pixel {
  int y, x;
};
__host__ __device__ int border_pixels(int side) {
  return side <= 4 ? side * side : 4 * side + 4 * (side - 4);
}
__device__ Pixel border_pixel(int i, int side) {
  if (side <= 4) return {i / side, i % side};
  if (i < 2 * side) return {i / side, i % side};
  if (i < 4 * side) return {side - 4 + i / side, i % side};
  const int rest = i - 4 * side;
  const int column = rest % 4;
  return {2 + rest / 4, column < 2 ? column : side - 4 + column};
}

template <typename T>
__device__ void add_to(float (&sum)[8], const Vec8<T>& vector) {
  for (int k = 0; k < 8; ++k) sum[k] += widen(vector.at[k]);
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    scatter(const Vec8<T>* edges, const Vec8<T>* corners, int batch, int side, int vectors, Vec8<T>* features) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int near = border_pixels(side);
  if (i >= static_cast<std::int64_t>(batch) * near * vectors) return;
  const auto vector = static_cast<int>(i % vectors);
  const Pixel pixel = border_pixel(static_cast<int>(i / vectors % near), side);
  const auto sample = static_cast<int>(i / vectors / near);
  const int edge_vectors = 10 * vectors + 1;
  const int corner_vectors = 4 * vectors + 1;
  float sum[8] = {};
  for (int edge = 0; edge < 4; ++edge) {
    const int across = edge < 2 ? pixel.x : pixel.y;  // along the edge
    const int deep = edge < 2 ? pixel.y : pixel.x;    // away from it
    const int depth = edge % 2 == 0 ? deep : deep - (side - 2);
    if (depth < 0 || depth > 1) continue;
    for (int q = 0; q < 5; ++q) {
      const int t = across + 2 - q;
      if (t < 0 || t >= side) continue;
      const int place = edge < 2 ? depth * 5 + q : q * 2 + depth;
      const std::int64_t row = (static_cast<std::int64_t>(edge) * batch + sample) * side + t;
      add_to(sum, edges[row * edge_vectors + place * vectors + vector]);
    }
  }
  for (int corner = 0; corner < 4; ++corner) {
    const Patch patch = corner_patch(corner, side);
    const int y = pixel.y - patch.y;
    const int x = pixel.x - patch.x;
    if (y < 0 || y > 1 || x < 0 || x > 1) continue;
    const std::int64_t row = static_cast<std::int64_t>(corner) * batch + sample;
    add_to(sum, corners[row * corner_vectors + (y * 2 + x) * vectors + vector]);
  }
  Vec8<T>& target =
      features[((static_cast<std::int64_t>(sample) * side + pixel.y) * side + pixel.x) * vectors + vector];
  add_to(sum, target);
  Vec8<T> result;
  for (int k = 0; k < 8; ++k) result.at[k] = narrow<T>(sum[k]);
  target = result;
}

}  // namespace

void gather_ring(const void* features, int batch, int side, int channels, LowType type, void* edges, void* corners,
                 void* stream) {
  const std::int64_t rows = static_cast<std::int64_t>(4) * batch;
  const std::int64_t vectors = rows * side * (edge_row(channels) / 8) + rows * (corner_row(channels) / 8);
  const auto blocks = static_cast<unsigned>((vectors + kThreads - 1) / kThreads);
  with_low_type(type, [&](auto low) {
    using V = Vec8<decltype(low)>;
    gather<<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(
        static_cast<const V*>(features), batch, side, channels / 8, static_cast<V*>(edges), static_cast<V*>(corners));
  });
  check(cudaGetLastError(), "Gathering the border of the features");
}

void scatter_ring(const void* edges, const void* corners, int batch, int side, int channels, LowType type,
                  void* features_gradient, void* stream) {
  const std::int64_t threads = static_cast<std::int64_t>(batch) * border_pixels(side) * (channels / 8);
  const auto blocks = static_cast<unsigned>((threads + kThreads - 1) / kThreads);
  with_low_type(type, [&](auto low) {
    using V = Vec8<decltype(low)>;
    scatter<<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(
        static_cast<const V*>(edges), static_cast<const V*>(corners), batch, side, channels / 8,
        static_cast<V*>(features_gradient));
  });
  check(cudaGetLastError(), "Adding the border to the features' gradient");
}

}  // namespace wring::kernels
