#pragma once
#include "wring_train/image/image.h"

namespace wring {

// MATLAB's imresize(uint8, 1/scale or scale, 'bicubic'): cubic kernel with a = -0.5, widened by the scale
// when shrinking (antialiasing), symmetric borders, rows (the vertical direction) first, rounded to uint8
// after each dimension. Output size: ceil(size / scale) when shrinking. Reproduces the published LR images
// bit for bit.
Image bicubic_shrink(const Image& image, int scale);
Image bicubic_enlarge(const Image& image, int scale);

// The part of bicubic_shrink(image, scale) at [x, x + width) × [y, y + height) of its output, computed
// without the rest: the same values bit for bit.
Image bicubic_shrink_region(const Image& image, int scale, int x, int y, int width, int height);

// The same when only a part of the image is there. It must hold what shrink_support() says, or reach the image's
// borders on the sides where that goes beyond them.
Image bicubic_shrink_region(const ImagePart& part, int scale, const Rectangle& window);

// The input pixels that the window of the shrunk image is computed from, not cut to the image.
Rectangle shrink_support(int scale, const Rectangle& window);

// The largest part of the image, from its top left, whose sides are multiples of scale (at least one each).
Image crop_to_multiple(const Image& image, int scale);

}  // namespace wring
