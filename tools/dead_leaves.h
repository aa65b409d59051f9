#pragma once
#include <cstdint>

#include "wring_train/image/image.h"

namespace wring {

// A synthetic RGB photograph by the dead-leaves model (Lee, Mumford, Huang 2001, "Occlusion models for
// natural images"): opaque discs fall on one another, their radii drawn from r⁻³, so that edges of all sizes
// occur as often as in natural images. Each has a colour near that of its surroundings, shading, and one of
// three textures. The same seed gives the same image. For training where no photographs can be had, and for
// tests. Throws Error{failed} unless both sides are at least 1 and at most 16384.
Image dead_leaves(int width, int height, std::uint64_t seed);

}  // namespace wring
