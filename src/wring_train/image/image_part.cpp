#include "wring_train/image/image_part.h"

#include <algorithm>

namespace wring {

ImagePart cut_whole(ImagePart part, int width, int height) {
  part.whole_width = width;
  part.whole_height = height;
  const int kept_width = std::min(part.pixels.width, width - part.x);
  const int kept_height = std::min(part.pixels.height, height - part.y);
  if (kept_width < part.pixels.width || kept_height < part.pixels.height) {
    part.pixels = crop(part.pixels, 0, 0, kept_width, kept_height);
  }
  return part;
}

}  // namespace wring
