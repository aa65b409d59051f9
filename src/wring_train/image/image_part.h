#pragma once
#include <utility>

#include "wring_train/image/image.h"

namespace wring {

struct Rectangle {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
};

// A rectangle of an image that may not be there as a whole.
struct ImagePart {
  Image pixels;
  int x = 0;  // of pixels' corner in the whole image
  int y = 0;
  int whole_width = 0;
  int whole_height = 0;
};

inline ImagePart whole(Image image) {
  const int width = image.width;
  const int height = image.height;
  return {std::move(image), 0, 0, width, height};
}

// The same part of an image of which only the left and upper width × height counts; some pixel must be left.
ImagePart cut_whole(ImagePart part, int width, int height);

// At least the wanted rectangle of an image file, without alpha: the same pixels as read_image's. Files are decoded no
// further than that needs (rows below are left out; JPEGs also leave columns out), so damage behind it may go unseen.
// `wanted` is first cut to the image. Throws as read_image does.
ImagePart read_image_part(const std::filesystem::path& path, const Rectangle& wanted);

}  // namespace wring
