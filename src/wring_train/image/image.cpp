#include "wring_train/image/image.h"

#include <algorithm>

#include <fmt/format.h>

#include "wring/base/error.h"

namespace wring {

Image to_rgb(const Image& image) {
  if (image.channels == 3) return image;
  Image rgb(image.width, image.height, 3);
  const std::size_t pixels = std::size_t(image.width) * image.height;
  const std::size_t stride = image.channels;
  const std::size_t green = stride == 1 ? 0 : 1;
  const std::size_t blue = stride == 1 ? 0 : 2;
  for (std::size_t i = 0; i < pixels; ++i) {
    rgb.pixels[i * 3] = image.pixels[i * stride];
    rgb.pixels[i * 3 + 1] = image.pixels[i * stride + green];
    rgb.pixels[i * 3 + 2] = image.pixels[i * stride + blue];
  }
  return rgb;
}

Image to_gray(const Image& image) {
  if (image.channels == 1) return image;
  Image gray(image.width, image.height, 1);
  for (std::size_t i = 0; i < gray.pixels.size(); ++i) {
    const std::uint8_t* pixel = &image.pixels[i * image.channels];
    gray.pixels[i] = static_cast<std::uint8_t>((299 * pixel[0] + 587 * pixel[1] + 114 * pixel[2] + 500) / 1000);
  }
  return gray;
}

Image crop(const Image& image, int x, int y, int width, int height) {
  if (x < 0 || y < 0 || width < 0 || height < 0 || width > image.width - x || height > image.height - y) {
    throw Error(ErrorCode::failed, fmt::format("the rectangle {} x {} at ({}, {}) is not inside an image of {} x {}",
                                               width, height, x, y, image.width, image.height));
  }
  Image part(width, height, image.channels);
  const std::size_t row_bytes = std::size_t(width) * image.channels;
  for (int row = 0; row < height; ++row) {
    const std::uint8_t* source = image.row(y + row) + std::size_t(x) * image.channels;
    std::copy_n(source, row_bytes, part.row(row));
  }
  return part;
}

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
