#pragma once
#include <string_view>

#include "wring_train/image/image.h"

namespace wring {

// Captions in pictures, without a font library: letters, digits and a little punctuation of 5×7 dots, each
// dot `scale` × `scale` pixels. A character that the font lacks is an empty box.

// Width in pixels of the text, without a gap behind the last character; the height is 7 · scale.
int text_width(std::string_view text, int scale);

// Black text with its top left corner at (x, y); what falls outside the image is left out.
void draw_text(Image& image, int x, int y, std::string_view text, int scale);

}  // namespace wring
