#include "wring_train/image/plain_png.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image_writers.h"
#include "test_images.h"

namespace wring {
namespace {

// Smooth with noise, so that every predictor has something to do.
Image photograph(int width, int height, int channels) {
  Image image = noise(width, height, channels, 8);
  for (int y = 0; y < height; ++y) {
    for (int i = 0; i < width * channels; ++i) {
      image.row(y)[i] = static_cast<std::uint8_t>(image.row(y)[i] % 24 + y * 2 + i / channels * (i % channels + 1));
    }
  }
  return image;
}

PngToWrite png_of(const Image& image, int filters) {
  PngToWrite png;
  png.width = image.width;
  png.height = image.height;
  png.type = image.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB;
  png.filters = filters;
  png.packed = image.pixels;
  return png;
}

Bytes bytes_of(const std::string& file) {
  return {reinterpret_cast<const std::uint8_t*>(file.data()), file.size()};
}

TEST(PlainPng, EveryPredictorIsUndone) {
  for (const int channels : {1, 3}) {
    for (const int filters :
         {PNG_FILTER_NONE, PNG_FILTER_SUB, PNG_FILTER_UP, PNG_FILTER_AVG, PNG_FILTER_PAETH, PNG_ALL_FILTERS}) {
      for (const int width : {1, 2, 3, 4, 5, 61}) {
        for (const Image& image : {photograph(width, 37, channels), noise(width, 37, channels)}) {
          const std::string file = encode_png(png_of(image, filters));
          const auto decoded = decode_plain_png(bytes_of(file), std::nullopt);
          ASSERT_TRUE(decoded) << "filters " << filters;
          ASSERT_EQ(decoded->pixels.channels, channels);
          ASSERT_EQ(decoded->pixels.pixels, image.pixels) << "filters " << filters << ", width " << width;
        }
      }
    }
  }
}

TEST(PlainPng, ManyChunksAreOneImage) {
  const Image image = noise(200, 150, 3);  // more than libpng puts into one IDAT chunk
  const std::string file = encode_png(png_of(image, PNG_ALL_FILTERS));
  EXPECT_NE(file.find("IDAT"), file.rfind("IDAT"));
  EXPECT_EQ(decode_plain_png(bytes_of(file), std::nullopt)->pixels.pixels, image.pixels);
}

TEST(PlainPng, OtherKindsAreLeftToLibpng) {
  const auto refuses = [](const PngToWrite& png) { return !decode_plain_png(bytes_of(encode_png(png)), std::nullopt); };
  const Image gray = noise(16, 8, 1);
  PngToWrite interlaced = png_of(gray, PNG_ALL_FILTERS);
  interlaced.interlaced = true;
  EXPECT_TRUE(refuses(interlaced));
  PngToWrite transparent = png_of(gray, PNG_ALL_FILTERS);
  transparent.transparent_gray = 7;
  EXPECT_TRUE(refuses(transparent));
  PngToWrite deep = png_of(gray, PNG_ALL_FILTERS);
  deep.width = 8;
  deep.bits = 16;
  EXPECT_TRUE(refuses(deep));
  PngToWrite palette = png_of(gray, PNG_ALL_FILTERS);
  palette.type = PNG_COLOR_TYPE_PALETTE;
  palette.palette.resize(256);
  EXPECT_TRUE(refuses(palette));
  EXPECT_FALSE(refuses(png_of(gray, PNG_ALL_FILTERS)));
}

// libpng finds the words for what is wrong; here no damage may pass as pixels, wherever it is.
TEST(PlainPng, DamageAnywhereInThePixelsIsSeen) {
  const Image image = photograph(40, 30, 3);
  const std::string whole = encode_png(png_of(image, PNG_ALL_FILTERS));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(decode_plain_png(bytes_of(whole.substr(0, length)), std::nullopt)) << "cut to " << length;
  }
  const std::size_t pixels = whole.find("IDAT");
  for (std::size_t at = pixels; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    EXPECT_FALSE(decode_plain_png(bytes_of(damaged), std::nullopt)) << "byte " << at;
  }
}

}  // namespace
}  // namespace wring
