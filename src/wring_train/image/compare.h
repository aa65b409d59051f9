#pragma once
#include <span>
#include <string>

#include "wring_train/image/image.h"

namespace wring {

struct Panel {
  Image image;
  std::string caption;  // see bitmap_font.h for the characters that can be shown
};

// One RGB picture: the panels from left to right on white, a gap between them, each caption below its panel.
// A panel narrower than its caption is centred above it. Throws Error{failed}: no panel, or heights that
// differ.
Image side_by_side(std::span<const Panel> panels);

// Every pixel becomes scale × scale equal ones: what the network is given, at the size of what it returns.
Image enlarge_nearest(const Image& image, int scale);

struct PixelPosition {
  int x = 0;
  int y = 0;
};

// The top left of the width × height window with the largest gradient energy, among windows on a grid of a
// quarter of their size (and those at the right and lower border): the part of a large photograph worth
// showing. Throws Error{failed} when the window is larger than the image.
PixelPosition most_detailed_region(const Image& image, int width, int height);

}  // namespace wring
