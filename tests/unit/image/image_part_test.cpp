#include <cstring>
#include <fstream>

#include <gmock/gmock.h>

#include "fixtures/with_folder.h"
#include "image_writers.h"
#include "test_images.h"
#include "wring/base/error.h"
#include "wring_train/image/bicubic.h"
#include "wring_train/image/image.h"

namespace wring {
namespace {

class ImagePartTest : public WithFolder {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }

  // Every pixel of the part is the whole image's at its place, and the part holds what was wanted of the image.
  static void expect_part(const ImagePart& part, const Image& all, const Rectangle& wanted) {
    ASSERT_EQ(part.whole_width, all.width);
    ASSERT_EQ(part.whole_height, all.height);
    ASSERT_EQ(part.pixels.channels, all.channels);
    EXPECT_LE(part.x, std::max(0, wanted.x));
    EXPECT_LE(part.y, std::max(0, wanted.y));
    EXPECT_GE(part.x + part.pixels.width, std::min(all.width, wanted.x + wanted.width));
    EXPECT_GE(part.y + part.pixels.height, std::min(all.height, wanted.y + wanted.height));
    for (int y = 0; y < part.pixels.height; ++y) {
      const std::uint8_t* expected = all.row(part.y + y) + std::size_t(part.x) * all.channels;
      ASSERT_EQ(std::memcmp(part.pixels.row(y), expected, std::size_t(part.pixels.width) * all.channels), 0)
          << "row " << y << " of the part at " << part.x << ", " << part.y;
    }
  }

  static void expect_every_part(const std::filesystem::path& path) {
    const Image all = read_image(path);
    expect_part(read_image_part(path, {0, 0, all.width, all.height}), all, {0, 0, all.width, all.height});
    expect_part(read_image_part(path, {-9, -5, 20, 20}), all, {-9, -5, 20, 20});
    expect_part(read_image_part(path, {all.width - 3, all.height - 1, 50, 50}), all,
                {all.width - 3, all.height - 1, 50, 50});
    for (int i = 0; i < 60; ++i) {
      const auto below = [&](int stream, int bound) {
        return static_cast<int>(random_below(random_bits(5, stream, i), static_cast<std::uint32_t>(bound)));
      };
      const Rectangle wanted{below(1, all.width), below(2, all.height), 1 + below(3, 70), 1 + below(4, 70)};
      expect_part(read_image_part(path, wanted), all, wanted);
    }
  }
};

std::string png(int width, int height, int bits, bool interlaced, int samples) {
  PngToWrite image;
  image.width = width;
  image.height = height;
  image.bits = bits;
  image.type = samples == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB;
  image.interlaced = interlaced;
  image.packed = noise(width * samples * bits / 8, height, 1).pixels;
  return encode_png(image);
}

std::string jpeg(int width, int height, int sampling, bool progressive, bool gray) {
  const Image pixels = noise(width, height, gray ? 1 : 3, 3);
  JpegToWrite image{.width = width,
                    .height = height,
                    .components = gray ? 1 : 3,
                    .pixels_are = gray ? JCS_GRAYSCALE : JCS_RGB,
                    .stored_as = gray ? JCS_GRAYSCALE : JCS_YCbCr,
                    .progressive = progressive,
                    .pixels = pixels.pixels};
  image.luma_horizontal = sampling / 10;
  image.luma_vertical = sampling % 10;
  return encode_jpeg(image);
}

TEST_F(ImagePartTest, PartsOfJpegsAreTheWholesPixelsWhateverTheChromaSubsampling) {
  for (const int sampling : {11, 21, 12, 22, 41}) {
    for (const bool progressive : {false, true}) {
      SCOPED_TRACE(testing::Message() << "sampling " << sampling << ", progressive " << progressive);
      expect_every_part(write("image.jpg", jpeg(203, 149, sampling, progressive, false)));
    }
  }
  expect_every_part(write("gray.jpg", jpeg(203, 149, 11, false, true)));
}

TEST_F(ImagePartTest, PartsOfPngsAreTheWholesPixelsWhateverTheKind) {
  for (const int channels : {1, 3, 4}) {
    write_png(folder_ / "image.png", noise(131, 97, channels));
    expect_every_part(folder_ / "image.png");
  }
  expect_every_part(write("interlaced.png", png(40, 30, 8, true, 1)));
  expect_every_part(write("deep.png", png(40, 30, 16, false, 3)));
}

TEST_F(ImagePartTest, ADamagedFileIsAnErrorThatNamesIt) {
  for (const auto& [name, content] :
       {std::pair{"cut.jpg", jpeg(203, 149, 22, false, false)}, std::pair{"cut.png", png(203, 149, 8, false, 3)}}) {
    const auto path = write(name, content.substr(0, content.size() / 3));
    try {
      read_image_part(path, {100, 120, 20, 20});
      FAIL() << name;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(name));
    }
  }
}

TEST_F(ImagePartTest, ShrinkingAPartGivesTheWindowOfTheShrunkWhole) {
  for (const int scale : {1, 2, 3, 4, 8}) {
    const Image all = crop_to_multiple(noise(111, 94, 3), scale);
    const Image shrunk = bicubic_shrink(all, scale);
    for (int i = 0; i < 30; ++i) {
      const auto below = [&](int stream, int bound) {
        return static_cast<int>(random_below(random_bits(6, stream, i), static_cast<std::uint32_t>(bound)));
      };
      Rectangle window{below(1, shrunk.width), below(2, shrunk.height), 0, 0};
      window.width = 1 + below(3, shrunk.width - window.x);
      window.height = 1 + below(4, shrunk.height - window.y);
      Rectangle support = shrink_support(scale, window);
      const int left = std::max(0, support.x), top = std::max(0, support.y);
      const int right = std::min(all.width, support.x + support.width);
      const int bottom = std::min(all.height, support.y + support.height);
      const ImagePart part{crop(all, left, top, right - left, bottom - top), left, top, all.width, all.height};
      const Image expected = crop(shrunk, window.x, window.y, window.width, window.height);
      ASSERT_EQ(bicubic_shrink_region(part, scale, window).pixels, expected.pixels) << "scale " << scale << ", " << i;
    }
  }
}

}  // namespace
}  // namespace wring
