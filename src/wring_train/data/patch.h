#pragma once
#include <cstdint>

#include "wring_train/data/image.h"
#include "wring_train/data/sampling.h"

namespace wring {

// Copies the patch × patch pixels at (x, y) of an RGB image to `out` (patch × patch × 3 bytes), flipped and then
// transposed as `turn` says; turn's own x and y are not used. The square must lie inside the image.
void copy_patch(const Image& rgb, int x, int y, int patch, const SampleCrop& turn, std::uint8_t* out);

}  // namespace wring
