#pragma once
#include <optional>

#include "wring_train/image/codecs.h"

namespace wring {

// Decodes the PNGs that photographs come as, 8 bits of gray or RGB without interlacing or transparency, more than twice
// as fast as libpng does: libdeflate decompresses them at once. With `wanted`, only rows down to its last are
// unfiltered and only it is kept. nullopt for every other kind of PNG and for anything odd, which libpng shall read or
// refuse.
std::optional<ImagePart> decode_plain_png(Bytes content, const std::optional<Rectangle>& wanted);

}  // namespace wring
