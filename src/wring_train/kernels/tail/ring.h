#pragma once
#include <cstdint>

#include "wring_train/kernels/low_type.h"

namespace wring::kernels {

// The border of the folded tail: a pixel in the outermost ring needs corrections that depend on the two rows or columns
// next to the border. For the pixels of the top, bottom, left and right edge: patches of 2×5, 2×5, 5×2 and 5×2 pixels;
// for the corners (top left, top right, bottom left, bottom right) of 2×2. Each is a row of a matrix: the patch (row,
// column, channel), then a 1 that carries the bias, then zeros.
constexpr int edge_row(int channels) {
  return 10 * channels + 8;
}
constexpr int corner_row(int channels) {
  return 4 * channels + 8;
}

// features (batch, side, side, channels) → edges (4, batch · side, edge_row), corners (4, batch, corner_row), all of
// `type`. channels is a multiple of 8, side at least 3.
void gather_ring(const void* features, int batch, int side, int channels, LowType type, void* edges, void* corners,
                 void* stream);

// The transpose: adds the gradients of those matrices to the features' gradient.
void scatter_ring(const void* edges, const void* corners, int batch, int side, int channels, LowType type,
                  void* features_gradient, void* stream);

}  // namespace wring::kernels
