#include "wring_train/image/image.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/with_folder.h"
#include "image_writers.h"
#include "test_images.h"
#include "wring/base/error.h"
#include "wring/files/files.h"

#if __has_include(<webp/encode.h>)
#include <webp/encode.h>
#endif

namespace wring {
namespace {
namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class ImageFiles : public WithFolder {
 protected:
  fs::path file(const std::string& content, const std::string& name = "image") const {
    write_file_atomically(folder_ / name, content);
    return folder_ / name;
  }
  Image decoded(const std::string& content, Alpha alpha = Alpha::drop) const {
    return read_image(file(content), alpha);
  }
  static std::string error_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::failed);
      return error.what();
    }
    return "no error";
  }
};

JpegToWrite one_colour_jpeg(std::vector<std::uint8_t> colour) {
  JpegToWrite jpeg;
  jpeg.width = jpeg.height = 16;
  jpeg.components = static_cast<int>(colour.size());
  for (int i = 0; i < 256; ++i) jpeg.pixels.insert(jpeg.pixels.end(), colour.begin(), colour.end());
  return jpeg;
}

JpegToWrite noise_jpeg(int side) {
  JpegToWrite jpeg;
  jpeg.width = jpeg.height = side;
  jpeg.pixels = noise(side, side, 3).pixels;
  return jpeg;
}

PngToWrite png_of(int width, int height, int bits, int type, std::vector<std::uint8_t> packed) {
  PngToWrite png;
  png.width = width;
  png.height = height;
  png.bits = bits;
  png.type = type;
  png.packed = std::move(packed);
  return png;
}

std::vector<int> pixel(const Image& image, int x, int y) {
  const std::uint8_t* at = image.row(y) + x * image.channels;
  return {at, at + image.channels};
}

void expect_near(const Image& image, std::vector<int> colour, int tolerance) {
  ASSERT_EQ(image.channels, static_cast<int>(colour.size()));
  for (int c = 0; c < image.channels; ++c) EXPECT_NEAR(pixel(image, 5, 9)[c], colour[c], tolerance) << "channel " << c;
}

// JPEG

TEST_F(ImageFiles, AColourJpegBecomesRgb) {
  expect_near(decoded(encode_jpeg(one_colour_jpeg({200, 30, 90}))), {200, 30, 90}, 2);
}

TEST_F(ImageFiles, AGrayJpegStaysOneChannel) {
  JpegToWrite jpeg = one_colour_jpeg({77});
  jpeg.pixels_are = jpeg.stored_as = JCS_GRAYSCALE;
  expect_near(decoded(encode_jpeg(jpeg)), {77}, 1);
}

TEST_F(ImageFiles, AJpegStoredAsRgbIsNotConvertedTwice) {
  JpegToWrite jpeg = one_colour_jpeg({200, 30, 90});
  jpeg.stored_as = JCS_RGB;
  jpeg.adobe_marker = true;  // says "no colour transform"
  expect_near(decoded(encode_jpeg(jpeg)), {200, 30, 90}, 1);
}

TEST_F(ImageFiles, CmykWithoutAdobesMarkerCountsInk) {
  JpegToWrite jpeg = one_colour_jpeg({0, 128, 255, 51});  // 255: full ink
  jpeg.pixels_are = jpeg.stored_as = JCS_CMYK;
  expect_near(decoded(encode_jpeg(jpeg)), {204, 102, 0}, 2);
}

TEST_F(ImageFiles, CmykWithAdobesMarkerIsComplemented) {
  JpegToWrite jpeg = one_colour_jpeg({255, 127, 0, 204});  // 255: no ink
  jpeg.pixels_are = jpeg.stored_as = JCS_CMYK;
  jpeg.adobe_marker = true;
  expect_near(decoded(encode_jpeg(jpeg)), {204, 102, 0}, 2);
}

TEST_F(ImageFiles, YcckBecomesRgb) {
  JpegToWrite jpeg = one_colour_jpeg({255, 127, 0, 204});
  jpeg.pixels_are = JCS_CMYK;
  jpeg.stored_as = JCS_YCCK;
  jpeg.adobe_marker = true;
  expect_near(decoded(encode_jpeg(jpeg)), {204, 102, 0}, 3);
}

TEST_F(ImageFiles, AProgressiveJpegReadsAsTheBaselineOne) {
  JpegToWrite jpeg = noise_jpeg(33);
  const Image baseline = decoded(encode_jpeg(jpeg));
  jpeg.progressive = true;
  EXPECT_EQ(decoded(encode_jpeg(jpeg)).pixels, baseline.pixels);
}

TEST_F(ImageFiles, ATruncatedJpegIsAnErrorThatNamesTheFile) {
  for (const bool progressive : {false, true}) {
    JpegToWrite jpeg = noise_jpeg(64);
    jpeg.progressive = progressive;
    const std::string whole = encode_jpeg(jpeg);
    for (const double part : {0.02, 0.5, 0.97}) {
      const fs::path cut = file(whole.substr(0, static_cast<std::size_t>(part * whole.size())), "cut.jpg");
      EXPECT_THAT(error_of([&] { read_image(cut); }), HasSubstr("cut.jpg")) << part;
    }
  }
}

TEST_F(ImageFiles, JpegWithOverwrittenPixelDataIsAnError) {
  std::string bytes = encode_jpeg(noise_jpeg(64));
  for (std::size_t i = bytes.size() / 2; i < bytes.size() - 2; ++i) bytes[i] = '\xff';
  EXPECT_THAT(error_of([&] { decoded(bytes); }), HasSubstr("damaged JPEG"));
}

TEST_F(ImageFiles, StrayBytesBetweenJpegSegmentsAreHarmless) {
  std::string bytes = encode_jpeg(noise_jpeg(16));
  const Image clean = decoded(bytes);
  bytes.insert(20, std::string(5, '\0'));  // behind the JFIF segment
  EXPECT_EQ(decoded(bytes).pixels, clean.pixels);
}

TEST_F(ImageFiles, TheSizeOfAJpegIsFoundBehindALongHeader) {
  JpegToWrite jpeg = noise_jpeg(24);
  jpeg.width = 32;
  jpeg.height = 18;
  jpeg.header_padding = 200000;
  const ImageSize size = read_image_size(file(encode_jpeg(jpeg)));
  EXPECT_EQ(size.width, 32);
  EXPECT_EQ(size.height, 18);
}

// PNG

TEST_F(ImageFiles, WrittenPngReadsBackExactly) {
  for (const int channels : {1, 3, 4}) {
    const Image image = noise(37, 11, channels);
    write_png(folder_ / "a.png", image);
    const Image back = read_image(folder_ / "a.png", Alpha::keep);
    EXPECT_EQ(back.width, 37);
    EXPECT_EQ(back.height, 11);
    EXPECT_EQ(back.channels, channels);
    EXPECT_EQ(back.pixels, image.pixels);
  }
}

TEST_F(ImageFiles, OneTwoAndFourBitGrayCoversTheWholeRange) {
  EXPECT_THAT(decoded(encode_png(png_of(8, 1, 1, PNG_COLOR_TYPE_GRAY, {0b10100001}))).pixels,
              ElementsAre(255, 0, 255, 0, 0, 0, 0, 255));
  EXPECT_THAT(decoded(encode_png(png_of(4, 1, 2, PNG_COLOR_TYPE_GRAY, {0b00011011}))).pixels,
              ElementsAre(0, 85, 170, 255));
  EXPECT_THAT(decoded(encode_png(png_of(4, 1, 4, PNG_COLOR_TYPE_GRAY, {0x01, 0x8f}))).pixels,
              ElementsAre(0, 17, 136, 255));
}

TEST_F(ImageFiles, SixteenBitSamplesAreRoundedNotCut) {
  std::vector<std::uint8_t> packed;
  std::vector<std::uint8_t> expected;
  for (int value = 0; value < 65536; ++value) {
    packed.push_back(static_cast<std::uint8_t>(value >> 8));
    packed.push_back(static_cast<std::uint8_t>(value & 255));
    expected.push_back(static_cast<std::uint8_t>(value / 257.0 + 0.5));
  }
  EXPECT_EQ(decoded(encode_png(png_of(256, 256, 16, PNG_COLOR_TYPE_GRAY, packed))).pixels, expected);
}

TEST_F(ImageFiles, APaletteBecomesRgbAndItsTransparencyAlpha) {
  PngToWrite png = png_of(2, 1, 8, PNG_COLOR_TYPE_PALETTE, {1, 0});
  png.palette = {{10, 20, 30}, {40, 50, 60}};
  png.palette_alpha = {99};
  EXPECT_THAT(decoded(encode_png(png), Alpha::keep).pixels, ElementsAre(40, 50, 60, 255, 10, 20, 30, 99));
  EXPECT_THAT(decoded(encode_png(png), Alpha::drop).pixels, ElementsAre(40, 50, 60, 10, 20, 30));
}

TEST_F(ImageFiles, GrayWithAlphaBecomesRgbaOrStaysGray) {
  const std::string bytes = encode_png(png_of(2, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA, {7, 200, 8, 100}));
  EXPECT_THAT(decoded(bytes, Alpha::keep).pixels, ElementsAre(7, 7, 7, 200, 8, 8, 8, 100));
  EXPECT_THAT(decoded(bytes, Alpha::drop).pixels, ElementsAre(7, 8));
}

TEST_F(ImageFiles, ATransparentGrayLevelBecomesAlpha) {
  PngToWrite png = png_of(2, 1, 8, PNG_COLOR_TYPE_GRAY, {7, 8});
  png.transparent_gray = 8;
  EXPECT_THAT(decoded(encode_png(png), Alpha::keep).pixels, ElementsAre(7, 7, 7, 255, 8, 8, 8, 0));
  EXPECT_THAT(decoded(encode_png(png), Alpha::drop).pixels, ElementsAre(7, 8));
}

TEST_F(ImageFiles, ColourAlphaIsDroppedOrKept) {
  const std::string bytes = encode_png(png_of(1, 1, 8, PNG_COLOR_TYPE_RGB_ALPHA, {1, 2, 3, 4}));
  EXPECT_THAT(decoded(bytes, Alpha::keep).pixels, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(decoded(bytes, Alpha::drop).pixels, ElementsAre(1, 2, 3));
}

TEST_F(ImageFiles, KeepingAlphaAddsNoneToAnOpaqueImage) {
  EXPECT_EQ(decoded(encode_png(png_of(1, 1, 8, PNG_COLOR_TYPE_RGB, {1, 2, 3})), Alpha::keep).channels, 3);
}

TEST_F(ImageFiles, InterlacedPngReadsAsThePlainOne) {
  PngToWrite png = png_of(19, 13, 8, PNG_COLOR_TYPE_RGB, noise(19, 13, 3).pixels);
  png.interlaced = true;
  EXPECT_EQ(decoded(encode_png(png)).pixels, png.packed);
}

TEST_F(ImageFiles, TheGammaOfAPngIsIgnored) {
  PngToWrite png = png_of(2, 1, 8, PNG_COLOR_TYPE_GRAY, {50, 100});
  png.gamma = 1.0;
  EXPECT_THAT(decoded(encode_png(png)).pixels, ElementsAre(50, 100));
}

TEST_F(ImageFiles, ATruncatedPngIsAnErrorThatNamesTheFile) {
  const std::string whole = encode_png(png_of(64, 64, 8, PNG_COLOR_TYPE_RGB, noise(64, 64, 3).pixels));
  for (const std::size_t size : {std::size_t{9}, std::size_t{40}, whole.size() / 2, whole.size() - 1}) {
    const fs::path cut = file(whole.substr(0, size), "cut.png");
    EXPECT_THAT(error_of([&] { read_image(cut); }), HasSubstr("cut.png")) << size;
  }
}

TEST_F(ImageFiles, APngWithAFlippedBitIsAnError) {
  std::string bytes = encode_png(png_of(64, 64, 8, PNG_COLOR_TYPE_RGB, noise(64, 64, 3).pixels));
  bytes[bytes.size() / 2] ^= 4;
  EXPECT_THAT(error_of([&] { decoded(bytes); }), HasSubstr("damaged PNG"));
}

// A PNG of one pixel whose header claims another size, with the right checksum.
std::string png_claiming(std::uint32_t width, std::uint32_t height) {
  const std::string bytes = encode_png(png_of(1, 1, 8, PNG_COLOR_TYPE_RGB, {0, 0, 0}));
  std::string claim = bytes.substr(0, 16);
  for (const std::uint32_t side : {width, height}) {
    for (const int shift : {24, 16, 8, 0}) claim += static_cast<char>(side >> shift);
  }
  claim += bytes.substr(24, 5);
  const auto checksum =
      static_cast<std::uint32_t>(crc32(crc32(0, nullptr, 0), reinterpret_cast<const Bytef*>(claim.data() + 12), 17));
  for (const int shift : {24, 16, 8, 0}) claim += static_cast<char>(checksum >> shift);
  return claim + bytes.substr(33);
}

TEST_F(ImageFiles, AnAbsurdSizeIsRefusedByName) {
  const std::string absurd = png_claiming(524288, 524288);  // would need 768 GiB
  EXPECT_THAT(error_of([&] { decoded(absurd); }), HasSubstr("524288 x 524288"));
  EXPECT_THAT(error_of([&] { read_image_size(file(absurd)); }), HasSubstr("524288 x 524288"));
}

TEST_F(ImageFiles, ASizeThatSoFewBytesCannotHoldIsRefusedBeforeMemoryIsTaken) {
  EXPECT_THAT(error_of([&] { decoded(png_claiming(16000, 16000)); }), HasSubstr("too few for the size"));
  std::string jpeg = encode_jpeg(noise_jpeg(16));
  const std::size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  for (const std::size_t at : {frame + 5, frame + 7}) jpeg[at] = '\x3e';  // 0x3e10: 15888 rows and columns
  EXPECT_THAT(error_of([&] { decoded(jpeg); }), HasSubstr("too few for the size"));
}

TEST_F(ImageFiles, AnImageOfOneColourIsSmallAndHonest) {
  const std::vector<std::uint8_t> black(3000 * 3000 * 3);
  EXPECT_EQ(decoded(encode_png(png_of(3000, 3000, 8, PNG_COLOR_TYPE_RGB, black))).width, 3000);
  JpegToWrite jpeg = noise_jpeg(16);
  jpeg.width = jpeg.height = 3000;
  jpeg.pixels = black;
  EXPECT_EQ(decoded(encode_jpeg(jpeg)).width, 3000);
  jpeg.progressive = true;
  EXPECT_EQ(decoded(encode_jpeg(jpeg)).width, 3000);
}

TEST_F(ImageFiles, OnlyWholeImagesOfOneThreeOrFourChannelsAreWritten) {
  EXPECT_THAT(error_of([&] { write_png(folder_ / "two.png", Image(4, 4, 2)); }), HasSubstr("2 channels"));
  EXPECT_THAT(error_of([&] { write_png(folder_ / "none.png", Image(0, 4, 3)); }), HasSubstr("none.png"));
  EXPECT_TRUE(fs::is_empty(folder_));
}

// WebP

#if __has_include(<webp/encode.h>)
std::string encode_webp(const Image& image) {
  std::uint8_t* bytes = nullptr;
  const auto encode = image.channels == 4 ? WebPEncodeLosslessRGBA : WebPEncodeLosslessRGB;
  const std::size_t size = encode(image.pixels.data(), image.width, image.height, image.width * image.channels, &bytes);
  std::string file(reinterpret_cast<char*>(bytes), size);
  WebPFree(bytes);
  return file;
}

TEST_F(ImageFiles, WebpIsReadWithAndWithoutAlpha) {
  Image image = noise(21, 9, 4);
  for (std::size_t i = 3; i < image.pixels.size(); i += 4) image.pixels[i] |= 1;  // WebP clears what is invisible
  EXPECT_EQ(decoded(encode_webp(image), Alpha::keep).pixels, image.pixels);
  EXPECT_EQ(decoded(encode_webp(image), Alpha::drop).pixels, to_rgb(image).pixels);
  const ImageSize size = read_image_size(file(encode_webp(image)));
  EXPECT_EQ(size.width, 21);
  EXPECT_EQ(size.height, 9);
}

TEST_F(ImageFiles, ATruncatedWebpIsAnError) {
  const std::string whole = encode_webp(noise(40, 40, 3));
  EXPECT_THAT(error_of([&] { decoded(whole.substr(0, whole.size() / 2)); }), HasSubstr("WebP"));
}
#endif

// Files

TEST_F(ImageFiles, TheContentDecidesNotTheName) {
  EXPECT_EQ(read_image(file(encode_jpeg(one_colour_jpeg({1, 2, 3})), "really.png")).width, 16);
}

TEST_F(ImageFiles, WhatIsNoImageIsNamedWithTheReason) {
  EXPECT_THAT(error_of([&] { read_image(folder_ / "missing.png"); }), HasSubstr("missing.png"));
  EXPECT_THAT(error_of([&] { read_image(folder_); }), HasSubstr("but a folder"));
  EXPECT_THAT(error_of([&] { read_image(file("", "empty.png")); }), HasSubstr("empty"));
  EXPECT_THAT(error_of([&] { read_image(file("hello there", "text.png")); }), HasSubstr("neither JPEG"));
}

TEST_F(ImageFiles, OnlyTheHeaderIsNeededForTheSize) {
  const std::string whole = encode_png(png_of(64, 48, 8, PNG_COLOR_TYPE_GRAY, noise(64, 48, 1).pixels));
  const ImageSize size = read_image_size(file(whole.substr(0, 200)));
  EXPECT_EQ(size.width, 64);
  EXPECT_EQ(size.height, 48);
}

// Images in memory

TEST(Images, GrayBecomesThreeEqualChannels) {
  Image gray(2, 1, 1);
  gray.pixels = {5, 6};
  EXPECT_THAT(to_rgb(gray).pixels, ElementsAre(5, 5, 5, 6, 6, 6));
}

TEST(Images, AlphaIsDroppedOnTheWayToRgb) {
  Image image(1, 1, 4);
  image.pixels = {1, 2, 3, 4};
  EXPECT_THAT(to_rgb(image).pixels, ElementsAre(1, 2, 3));
}

TEST(Images, GrayOfEqualChannelsIsTheirValue) {
  Image image(256, 1, 1);
  for (int i = 0; i < 256; ++i) image.pixels[i] = static_cast<std::uint8_t>(i);
  EXPECT_EQ(to_gray(to_rgb(image)).pixels, image.pixels);
}

TEST(Images, CropTakesTheRectangle) {
  Image image(4, 3, 1);
  image.pixels = {0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23};
  EXPECT_THAT(crop(image, 1, 1, 2, 2).pixels, ElementsAre(11, 12, 21, 22));
}

TEST(Images, CropOutsideTheImageIsAnError) {
  const Image image(4, 3, 1);
  EXPECT_THROW(crop(image, 3, 0, 2, 1), Error);
  EXPECT_THROW(crop(image, 0, 2, 1, 2), Error);
  EXPECT_THROW(crop(image, -1, 0, 1, 1), Error);
}

}  // namespace
}  // namespace wring
