#pragma once
#include <cstdint>
#include <span>

#include "wring_train/image/image.h"

namespace wring {

// How the picture stands in the file, as a camera says that was turned: the upright picture is the stored one with its
// diagonal exchanged or not, read from the other end in x or in y. By default it is upright.
struct Orientation {
  bool transposed = false;  // stored x runs down the upright picture
  bool x_from_end = false;  // of the stored picture
  bool y_from_end = false;
  bool operator==(const Orientation&) const = default;
};

// The orientation (tag 0x0112) that Exif data tell (Exif 2.32, section 4.6.4; TIFF 6.0 for their form), with or without
// "Exif\0\0" before them. Upright where they tell none, or are damaged.
Orientation orientation_in(std::span<const std::uint8_t> exif);

ImageSize upright(ImageSize stored, const Orientation& orientation);
Image upright(Image stored, const Orientation& orientation);
ImagePart upright(ImagePart stored, const Orientation& orientation);

// Where a rectangle of the upright picture lies in the stored one, which has that size.
Rectangle stored_place(const Rectangle& place, const Orientation& orientation, ImageSize stored);

}  // namespace wring
