#include "wring_train/image/bicubic.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_images.h"
#include "unit/data/photographs.h"
#include "wring/base/error.h"

namespace wring {
namespace {
namespace fs = std::filesystem;
using testing::ElementsAre;

// imresize as its documentation describes it, in doubles and one dimension at a time: slow, and the
// reference.
double cubic(double x) {
  x = std::abs(x);
  if (x <= 1) return 1.5 * x * x * x - 2.5 * x * x + 1;
  if (x <= 2) return -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2;
  return 0;
}

// Along x; `factor` is 1/scale or scale.
Image resize_rows_in_double(const Image& image, double factor) {
  Image out(static_cast<int>(std::ceil(image.width * factor - 1e-9)), image.height, image.channels);
  const double widening = std::max(1.0, 1 / factor);
  for (int o = 0; o < out.width; ++o) {
    const double centre = (o + 0.5) / factor - 0.5;
    for (int y = 0; y < out.height; ++y) {
      for (int c = 0; c < out.channels; ++c) {
        double sum = 0;
        double weights = 0;
        for (int i = static_cast<int>(std::floor(centre - 2 * widening)); i <= centre + 2 * widening + 1; ++i) {
          const double weight = cubic((i - centre) / widening);
          int source = ((i % (2 * image.width)) + 2 * image.width) % (2 * image.width);
          if (source >= image.width) source = 2 * image.width - 1 - source;
          sum += weight * image.row(y)[source * image.channels + c];
          weights += weight;
        }
        // The tiny term undoes the error of the double sum at exact halves, which round up.
        const double value = std::floor(sum / weights + 0.5 + 1e-9);
        out.row(y)[o * out.channels + c] = static_cast<std::uint8_t>(std::min(255.0, std::max(0.0, value)));
      }
    }
  }
  return out;
}

Image transposed(const Image& image) {
  Image out(image.height, image.width, image.channels);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      std::copy_n(image.row(y) + x * image.channels, image.channels, out.row(x) + y * image.channels);
    }
  }
  return out;
}

Image reference(const Image& image, double factor) {
  return resize_rows_in_double(transposed(resize_rows_in_double(transposed(image), factor)), factor);
}

class EveryScale : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Bicubic, EveryScale, testing::Range(1, 9));

TEST_P(EveryScale, ShrinksAsTheDoubleReferenceDoes) {
  for (const int channels : {1, 3, 4}) {
    const Image image = noise(61, 83, channels, 7);
    const Image expected = reference(image, 1.0 / GetParam());
    const Image actual = bicubic_shrink(image, GetParam());
    EXPECT_EQ(actual.width, expected.width);
    EXPECT_EQ(actual.height, expected.height);
    EXPECT_EQ(actual.pixels, expected.pixels) << channels << " channels";
  }
}

TEST_P(EveryScale, EnlargesAsTheDoubleReferenceDoes) {
  const Image image = noise(19, 23, 3, 8);
  EXPECT_EQ(bicubic_enlarge(image, GetParam()).pixels, reference(image, GetParam()).pixels);
}

TEST_P(EveryScale, ExtremePixelsOvershootAndAreClamped) {
  Image image = noise(64, 64, 1, 9);
  for (std::uint8_t& pixel : image.pixels) pixel = pixel < 128 ? 0 : 255;
  EXPECT_EQ(bicubic_shrink(image, GetParam()).pixels, reference(image, 1.0 / GetParam()).pixels);
  EXPECT_EQ(bicubic_enlarge(image, GetParam()).pixels, reference(image, GetParam()).pixels);
}

TEST_P(EveryScale, AConstantImageStaysConstant) {
  for (const int value : {0, 1, 127, 128, 255}) {
    const Image image = filled(29, 31, 3, static_cast<std::uint8_t>(value));
    const auto others = [value](const Image& resized) {
      return std::count_if(resized.pixels.begin(), resized.pixels.end(), [value](int p) { return p != value; });
    };
    EXPECT_EQ(others(bicubic_shrink(image, GetParam())), 0);
    EXPECT_EQ(others(bicubic_enlarge(image, GetParam())), 0);
  }
}

TEST_P(EveryScale, ARegionEqualsThatPartOfTheWhole) {
  const int scale = GetParam();
  const Image image = noise(16 * scale + 3, 14 * scale + 1, 3, 10);
  const Image whole = bicubic_shrink(image, scale);
  for (const auto& [x, y, width, height] :
       {std::array{0, 0, 4, 5}, std::array{6, 5, 7, 3}, std::array{9, 8, 1, 1},
        std::array{whole.width - 3, whole.height - 2, 3, 2}, std::array{0, 0, whole.width, whole.height}}) {
    EXPECT_EQ(bicubic_shrink_region(image, scale, x, y, width, height).pixels, crop(whole, x, y, width, height).pixels);
  }
}

TEST_P(EveryScale, ImagesSmallerThanTheKernelAreReflectedAgainAndAgain) {
  const Image image = noise(2, 3, 1, 11);
  EXPECT_EQ(bicubic_shrink(image, GetParam()).pixels, reference(image, 1.0 / GetParam()).pixels);
  EXPECT_EQ(bicubic_enlarge(image, GetParam()).pixels, reference(image, GetParam()).pixels);
}

TEST(Bicubic, ScaleOneIsTheImageItself) {
  const Image image = noise(13, 9, 3);
  EXPECT_EQ(bicubic_shrink(image, 1).pixels, image.pixels);
  EXPECT_EQ(bicubic_enlarge(image, 1).pixels, image.pixels);
}

TEST(Bicubic, AnImpulseShowsTheWeightsOfScaleTwo) {
  // Distances ¼, ¾, 5/4, 7/4: weights 111, 29, -9, -3 of 256 to either side.
  Image image(32, 1, 1);
  image.pixels[16] = 255;
  const Image small = bicubic_shrink(image, 2);
  EXPECT_EQ(small.pixels[6], 0);                                             // -3 · 255 / 256, clamped
  EXPECT_EQ(small.pixels[7], 29);                                            // 29 · 255 / 256 = 28.9
  EXPECT_EQ(small.pixels[8], 111);                                           // 110.6
  EXPECT_EQ(small.pixels[9], 0);                                             // -9, clamped
  EXPECT_THAT(bicubic_enlarge(crop(image, 14, 0, 5, 1), 2).row(0)[4], 221);  // 0.8671875 · 255 = 221.1
}

TEST(Bicubic, HalvesRoundUp) {
  Image image(2, 2, 1);
  image.pixels = {10, 11, 10, 11};  // reflected: the mean, 10.5
  EXPECT_THAT(bicubic_shrink(image, 2).pixels, ElementsAre(11));
}

TEST(Bicubic, RoundingBetweenTheDimensionsMakesTheirOrderVisible) {
  const Image image = noise(64, 64, 1, 12);
  EXPECT_NE(transposed(bicubic_shrink(transposed(image), 2)).pixels, bicubic_shrink(image, 2).pixels);
}

TEST(Bicubic, OddSizesAreRoundedUp) {
  const Image small = bicubic_shrink(noise(101, 66, 3), 4);
  EXPECT_EQ(small.width, 26);
  EXPECT_EQ(small.height, 17);
}

TEST(Bicubic, CropToMultipleKeepsTheTopLeft) {
  const Image image = noise(17, 10, 3);
  const Image cropped = crop_to_multiple(image, 4);
  EXPECT_EQ(cropped.width, 16);
  EXPECT_EQ(cropped.height, 8);
  EXPECT_EQ(cropped.pixels, crop(image, 0, 0, 16, 8).pixels);
  EXPECT_THROW(crop_to_multiple(noise(3, 10, 3), 4), Error);
}

TEST(Bicubic, ScalesThatAreNotExactAreRefused) {
  EXPECT_THROW(bicubic_shrink(noise(8, 8, 1), 0), Error);
  EXPECT_THROW(bicubic_enlarge(noise(8, 8, 1), 9), Error);
  EXPECT_THROW(bicubic_shrink_region(noise(8, 8, 1), 2, 3, 0, 2, 1), Error);
}

TEST(Bicubic, ThePublishedLrImagesComeOutBitForBit) {
  WRING_SKIP_WITHOUT_PHOTOGRAPHS("Set5");
  const fs::path set = photographs() / "Set5";
  int compared = 0;
  for (const int scale : {2, 3, 4}) {
    const std::string x = std::to_string(scale);
    for (const fs::path& hr : files_in(set / "HR")) {
      const Image expected = read_image(set / "LR_bicubic" / ("X" + x) / (hr.stem().string() + "x" + x + ".png"));
      const Image actual = bicubic_shrink(crop_to_multiple(read_image(hr), scale), scale);
      EXPECT_EQ(actual.width, expected.width);
      EXPECT_EQ(actual.pixels, expected.pixels) << hr << " x" << scale;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 15);
}

}  // namespace
}  // namespace wring
