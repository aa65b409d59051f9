// Photographs that a camera stored turned come upright, whatever the format and however little of them is read.
#include "wring_train/image/orientation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/exif.h"
#include "fixtures/with_folder.h"
#include "image_writers.h"
#include "test_images.h"
#include "wring/files/files.h"
#include "wring_train/data/random.h"

#if __has_include(<webp/encode.h>)
#include <webp/encode.h>
#endif

namespace wring {
namespace {
namespace fs = std::filesystem;
using namespace testing_support;

class Upright : public WithFolder {
 protected:
  fs::path file(const std::string& content) const {
    write_file_atomically(folder_ / "image", content);
    return folder_ / "image";
  }
  // Rows of the picture, whose gray values are letters.
  std::string rows(const std::string& content) const {
    const Image image = read_image(file(content));
    std::string text;
    for (int y = 0; y < image.height; ++y) {
      if (y > 0) text += '/';
      text.append(reinterpret_cast<const char*>(image.row(y)), static_cast<std::size_t>(image.width));
    }
    return text;
  }
  // Header, whole picture and parts of it agree with the picture that the file without Exif data holds, turned.
  void expect_turned(const std::string& plain, const std::string& turned, int value) const {
    const Image expected = upright(read_image(file(plain)), orientation_in(as_bytes(exif_data(value))));
    const fs::path path = file(turned);
    EXPECT_EQ(read_image(path).pixels, expected.pixels) << value;
    const ImageSize size = read_image_size(path);
    ASSERT_EQ(std::pair(size.width, size.height), std::pair(expected.width, expected.height)) << value;
    for (int i = 0; i < 20; ++i) {
      const auto below = [&](int bound, int draw) {
        return static_cast<int>(random_bits(1, static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(draw)) %
                                static_cast<std::uint64_t>(bound));
      };
      const Rectangle wanted{below(size.width - 4, 0), below(size.height - 4, 1), 1 + below(9, 2), 1 + below(9, 3)};
      const ImagePart part = read_image_part(path, wanted);
      EXPECT_EQ(std::pair(part.whole_width, part.whole_height), std::pair(size.width, size.height));
      ASSERT_LE(part.x, wanted.x);
      ASSERT_LE(part.y, wanted.y);
      const int width = std::min(wanted.width, size.width - wanted.x);
      const int height = std::min(wanted.height, size.height - wanted.y);
      EXPECT_EQ(crop(part.pixels, wanted.x - part.x, wanted.y - part.y, width, height).pixels,
                crop(expected, wanted.x, wanted.y, width, height).pixels)
          << value;
    }
  }
  static std::span<const std::uint8_t> as_bytes(const std::string& text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  }
};

std::string gray_png(int width, int height, const std::string& pixels) {
  PngToWrite png;
  png.width = width;
  png.height = height;
  png.type = PNG_COLOR_TYPE_GRAY;
  png.packed.assign(pixels.begin(), pixels.end());
  return encode_png(png);
}

TEST_F(Upright, EachOfTheEightOrientationsIsUndone) {
  const std::string stored = gray_png(3, 2, "abcdef");
  const std::vector<std::string> expected = {"abc/def",  "cba/fed",  "fed/cba",  "def/abc",
                                             "ad/be/cf", "da/eb/fc", "fc/eb/da", "cf/be/ad"};
  for (int value = 1; value <= 8; ++value) {
    EXPECT_EQ(rows(png_with_exif(stored, exif_data(value))), expected.at(static_cast<std::size_t>(value - 1))) << value;
  }
}

TEST_F(Upright, BothOrdersOfBytesAreRead) {
  EXPECT_EQ(rows(png_with_exif(gray_png(3, 2, "abcdef"), exif_data(6, /*little_endian=*/true))), "da/eb/fc");
}

TEST_F(Upright, DataThatTellNothingLeaveThePictureAsItIsStored) {
  const std::string stored = gray_png(3, 2, "abcdef");
  const std::string whole = exif_data(6);
  std::vector<std::string> damaged = {"", "II", "not Exif at all", exif_data(0), exif_data(9), exif_data(65535)};
  const std::size_t behind_value = whole.size() - 6;  // padding and the place of the next directory
  for (std::size_t size = 0; size < behind_value; ++size) damaged.push_back(whole.substr(0, size));
  for (const std::string& exif : damaged) EXPECT_EQ(rows(png_with_exif(stored, exif)), "abc/def");
}

TEST_F(Upright, AJpegsHeaderWholeAndPartsAgree) {
  JpegToWrite jpeg;
  jpeg.width = 70;
  jpeg.height = 45;
  jpeg.pixels = noise(70, 45, 3).pixels;
  const std::string plain = encode_jpeg(jpeg);
  for (int value = 1; value <= 8; ++value) expect_turned(plain, jpeg_with_exif(plain, exif_data(value)), value);
}

TEST_F(Upright, AJpegsExifDataMayComeBehindOtherSegments) {
  JpegToWrite jpeg;
  jpeg.width = 70;
  jpeg.height = 45;
  jpeg.pixels = noise(70, 45, 3).pixels;
  const std::string plain = encode_jpeg(jpeg);
  jpeg.header_padding = 100'000;  // more than is read of a header at first
  const std::string padded = encode_jpeg(jpeg);
  // Before the table of the first component, behind the padding.
  const std::size_t tables = padded.find("\xff\xdb");
  const std::string turned = padded.substr(0, tables) + jpeg_exif_segment(exif_data(6)) + padded.substr(tables);
  expect_turned(plain, turned, 6);
}

TEST_F(Upright, APngsHeaderWholeAndPartsAgree) {
  const Image image = noise(40, 30, 1);
  const std::string plain = gray_png(40, 30, std::string(image.pixels.begin(), image.pixels.end()));
  for (const int value : {3, 5, 8}) expect_turned(plain, png_with_exif(plain, exif_data(value)), value);
}

#if __has_include(<webp/encode.h>)
TEST_F(Upright, AWebpsExifDataBehindItsPixelsAreRead) {
  const Image image = noise(200, 180, 3);  // more bytes than are read of a header at first
  std::uint8_t* bytes = nullptr;
  const std::size_t size =
      WebPEncodeLosslessRGB(image.pixels.data(), image.width, image.height, image.width * 3, &bytes);
  const std::string plain(reinterpret_cast<char*>(bytes), size);
  WebPFree(bytes);
  for (const int value : {2, 6, 7}) {
    expect_turned(plain, webp_with_exif(plain, image.width, image.height, exif_data(value)), value);
  }
}
#endif

}  // namespace
}  // namespace wring
