#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "wring/files/folder.h"

namespace wring {

// 8-bit pixels, rows from the top, channels interleaved: pixels[(y * width + x) * channels + c].
// 1 channel is gray, 3 RGB, 4 RGB with straight alpha (2, gray with alpha, is never produced).
struct Image {
  int width = 0;
  int height = 0;
  int channels = 0;
  std::vector<std::uint8_t> pixels;

  Image() = default;
  Image(int w, int h, int c) : width(w), height(h), channels(c), pixels(std::size_t(w) * h * c) {}
  std::uint8_t* row(int y) { return pixels.data() + std::size_t(y) * width * channels; }
  const std::uint8_t* row(int y) const { return pixels.data() + std::size_t(y) * width * channels; }
};

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

enum class Alpha { drop, keep };

// Decodes JPEG (gray, YCbCr, CMYK, YCCK), PNG (1 to 16 bits, gray, palette, alpha) or WebP (when built with
// it), told apart by content, not by name. 16-bit samples are rounded to 8. Gray stays one channel.
// Alpha::drop leaves 1 or 3 channels; Alpha::keep gives 4 where the file has alpha.
// The picture is upright: Exif's orientation is applied, as OpenCV's imread does, through which BasicSR reads its
// images. Colour profiles are ignored: the samples come as the file stores them. Throws Error{failed} naming the file:
// unreadable, empty, truncated, corrupt, a kind that is not known, or more than 2^28 pixels (refused before any memory
// is taken for them).
Image read_image(const std::filesystem::path& path, Alpha alpha = Alpha::drop);

// At least the wanted rectangle of an image file, without alpha: the same pixels as read_image's. Files are decoded no
// further than that needs (rows below are left out; JPEGs also leave columns out), so damage behind it may go unseen.
// `wanted` is first cut to the image. Throws as read_image does.
ImagePart read_image_part(const std::filesystem::path& path, const Rectangle& wanted);

struct ImageSize {
  int width = 0;
  int height = 0;
};

// Reads only the header. Throws as read_image does.
ImageSize read_image_size(const std::filesystem::path& path);

// Whole or not at all (see write_file_atomically). 1, 3 or 4 channels; throws Error{failed} for anything
// else.
void write_png(const std::filesystem::path& path, const Image& image);
void write_png(const Folder& folder, const std::string& name, const Image& image);

// Gray to three equal channels; alpha dropped.
Image to_rgb(const Image& image);

// RGB to one channel: BT.601 luma over the full range, rounded, so that equal channels keep their value. A
// network's RGB result is compared with a gray reference through this. Alpha dropped; gray stays.
Image to_gray(const Image& image);

// The rectangle [x, x + width) × [y, y + height), which must lie inside
// (throws Error{failed} otherwise).
Image crop(const Image& image, int x, int y, int width, int height);

}  // namespace wring
