// The readers of images: a file is refused, or gives as many pixels as its size says, the same way by the header alone,
// as a whole and in part.
#include <cstdio>
#include <cstdlib>

#include "fuzz/fuzz_target.h"
#include "unit/image/image_writers.h"
#include "wring/base/error.h"
#include "wring_train/image/image.h"

namespace {

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

void read(const std::string& content) {
  const std::string path = wring::fuzz::file_of(content);
  try {
    wring::read_image_part(path, {3, 2, 9, 7});
  } catch (const wring::Error&) {
  }
  try {
    const wring::Image image = wring::read_image(path, wring::Alpha::keep);
    require(image.pixels.size() == std::size_t(image.width) * image.height * image.channels,
            "pixels do not fit the size");
    const wring::ImageSize size = wring::read_image_size(path);
    require(size.width == image.width && size.height == image.height, "the header names another size");
  } catch (const wring::Error&) {
  }
}

// A changed PNG stops at the first checksum; with the checksums mended the decoder behind them is reached.
std::string with_checksums(std::string png) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(png[i]); };
  for (std::size_t at = 8; at + 12 <= png.size();) {
    const std::size_t length =
        std::size_t{byte(at)} << 24 | std::size_t{byte(at + 1)} << 16 | std::size_t{byte(at + 2)} << 8 | byte(at + 3);
    if (length > png.size() - at - 12) break;
    const auto sum = ::crc32(0, reinterpret_cast<const Bytef*>(&png[at + 4]), static_cast<uInt>(length + 4));
    for (std::size_t i = 0; i < 4; ++i) png[at + 8 + length + i] = static_cast<char>(sum >> (24 - 8 * i));
    at += 12 + length;
  }
  return png;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string content(reinterpret_cast<const char*>(data), size);
  read(content);
  if (content.starts_with("\x89PNG")) read(with_checksums(content));
  return 0;
}

namespace wring::fuzz {
namespace {

std::vector<std::uint8_t> noise(std::size_t bytes) {
  std::vector<std::uint8_t> values(bytes);
  std::uint32_t state = 7;
  for (std::uint8_t& value : values) value = static_cast<std::uint8_t>((state = state * 1664525U + 1013904223U) >> 24);
  return values;
}

std::string jpeg(int components, bool progressive, int sampling) {
  JpegToWrite image;
  image.width = 20;
  image.height = 14;
  image.components = components;
  image.pixels_are = components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  image.stored_as = components == 1 ? JCS_GRAYSCALE : JCS_YCbCr;
  image.progressive = progressive;
  image.luma_horizontal = image.luma_vertical = sampling;
  image.pixels = noise(20 * 14 * components);
  return encode_jpeg(image);
}

std::string png(int bits, int type, int channels, bool interlaced) {
  PngToWrite image;
  image.width = 16;
  image.height = 12;
  image.bits = bits;
  image.type = type;
  image.interlaced = interlaced;
  if (type == PNG_COLOR_TYPE_PALETTE) image.palette = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {9, 9, 9}};
  image.packed = noise(16 * 12 * channels * 2);
  return encode_png(image);
}

}  // namespace

std::vector<std::string> seeds() {
  std::vector<std::string> all = {jpeg(3, false, 1),
                                  jpeg(3, true, 2),
                                  jpeg(1, false, 1),
                                  jpeg(3, false, 2),
                                  png(8, PNG_COLOR_TYPE_RGB, 3, false),
                                  png(8, PNG_COLOR_TYPE_GRAY, 1, false),
                                  png(16, PNG_COLOR_TYPE_RGB_ALPHA, 4, false),
                                  png(8, PNG_COLOR_TYPE_RGB, 3, true),
                                  png(2, PNG_COLOR_TYPE_PALETTE, 1, false),
                                  png(1, PNG_COLOR_TYPE_GRAY, 1, true)};
  // The smallest WebP: one pixel, lossless.
  all.emplace_back("RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0", 34);
  return all;
}

std::vector<std::string> dictionary() {
  return {"IHDR",     "IDAT",     "IEND",     "PLTE",     "tRNS",     "gAMA",     "iCCP",     "\xff\xd8\xff",
          "\xff\xc0", "\xff\xc2", "\xff\xc4", "\xff\xda", "\xff\xdb", "\xff\xdd", "\xff\xd9", "\xff\xee",
          "RIFF",     "WEBP",     "VP8 ",     "VP8X",     "ALPH",     "ANIM"};
}

}  // namespace wring::fuzz
