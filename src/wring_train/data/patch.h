#pragma once
#include <cstddef>
#include <cstdint>

#include "wring_train/data/sampling.h"

namespace wring {

// Copies patch × patch RGB pixels to `out` (patch × patch × 3 bytes), flipped and then transposed as `turn` says
// (turned_from); its own x and y are not used. `corner` is the first byte of the square's upper left pixel, `stride`
// the bytes from a row to the next.
void copy_patch(const std::uint8_t* corner, std::size_t stride, int patch, const SampleDraw& turn, std::uint8_t* out);

}  // namespace wring
