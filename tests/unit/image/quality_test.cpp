#include "wring_train/image/quality.h"

#include <cmath>

#include <gtest/gtest.h>

#include "test_images.h"
#include "unit/data/photographs.h"
#include "wring/base/error.h"
#include "wring_train/image/bicubic.h"

namespace wring {
namespace {

TEST(Quality, EqualImagesHaveInfinitePsnrAndSsimOne) {
  const Image image = noise(40, 30, 3);
  EXPECT_TRUE(std::isinf(psnr_y(image, image, 4)));
  EXPECT_DOUBLE_EQ(ssim_y(image, image, 4), 1.0);
}

TEST(Quality, GrayPsnrIsOnTheValuesThemselves) {
  EXPECT_NEAR(psnr_y(filled(8, 8, 1, 100), filled(8, 8, 1, 105), 0), 10 * std::log10(255.0 * 255 / 25), 1e-12);
}

TEST(Quality, ColourPsnrIsOnUnroundedLumaOfStudioRange) {
  Image reference = filled(8, 8, 3, 100);
  Image image = reference;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) image.pixels[i] = 103;  // red alone
  const double difference = 65.481 * 3 / 255;
  EXPECT_NEAR(psnr_y(image, reference, 0), 10 * std::log10(255.0 * 255 / (difference * difference)), 1e-9);
}

TEST(Quality, TheBorderDoesNotCount) {
  const Image reference = noise(30, 30, 3);
  Image image = reference;
  for (int i = 0; i < 30; ++i) {
    for (const auto& [x, y] : {std::pair{i, 1}, std::pair{1, i}, std::pair{i, 28}, std::pair{28, i}}) {
      image.row(y)[x * 3] ^= 0x40;
    }
  }
  EXPECT_TRUE(std::isfinite(psnr_y(image, reference, 1)));
  EXPECT_TRUE(std::isinf(psnr_y(image, reference, 2)));
  EXPECT_DOUBLE_EQ(ssim_y(image, reference, 2), 1.0);
}

TEST(Quality, SsimOfConstantImagesIsTheLuminanceTerm) {
  const double c1 = 0.01 * 255 * 0.01 * 255;
  const double expected = (2.0 * 100 * 120 + c1) / (100.0 * 100 + 120.0 * 120 + c1);
  EXPECT_NEAR(ssim_y(filled(20, 20, 1, 100), filled(20, 20, 1, 120), 0), expected, 1e-12);
}

// The window as one 11×11 table and the variances by their definition, at one place.
TEST(Quality, SsimAgreesWithItsDefinitionOnOneWindow) {
  const Image a = noise(11, 11, 1, 3);
  const Image b = noise(11, 11, 1, 4);
  double weights = 0;
  double mean_a = 0, mean_b = 0, var_a = 0, var_b = 0, cov = 0;
  const auto weight = [](int i) {
    return std::exp(-((i % 11 - 5) * (i % 11 - 5) + (i / 11 - 5) * (i / 11 - 5)) / 4.5);
  };
  for (int i = 0; i < 121; ++i) weights += weight(i);
  for (int i = 0; i < 121; ++i)
    mean_a += weight(i) / weights * a.pixels[i], mean_b += weight(i) / weights * b.pixels[i];
  for (int i = 0; i < 121; ++i) {
    const double da = a.pixels[i] - mean_a;
    const double db = b.pixels[i] - mean_b;
    var_a += weight(i) / weights * da * da;
    var_b += weight(i) / weights * db * db;
    cov += weight(i) / weights * da * db;
  }
  const double c1 = 6.5025;
  const double c2 = 58.5225;
  const double expected =
      (2 * mean_a * mean_b + c1) * (2 * cov + c2) / ((mean_a * mean_a + mean_b * mean_b + c1) * (var_a + var_b + c2));
  EXPECT_NEAR(ssim_y(a, b, 0), expected, 1e-10);
}

TEST(Quality, ImagesThatDoNotMatchAreAnError) {
  EXPECT_THROW(psnr_y(noise(20, 20, 3), noise(20, 21, 3), 0), Error);
  EXPECT_THROW(psnr_y(noise(20, 20, 3), noise(20, 20, 1), 0), Error);
  EXPECT_THROW(psnr_y(noise(8, 8, 3), noise(8, 8, 3), 4), Error);
  EXPECT_THROW(ssim_y(noise(18, 30, 3), noise(18, 30, 3), 4), Error);
}

TEST(Quality, AGrayReferenceIsComparedThroughToGray) {
  const Image gray = noise(24, 24, 1);
  EXPECT_TRUE(std::isinf(psnr_y(to_gray(to_rgb(gray)), gray, 4)));
}

struct PublishedBicubic {
  const char* set;
  int scale;
  double psnr;
  double ssim;
};

class PublishedTable : public testing::TestWithParam<PublishedBicubic> {};
INSTANTIATE_TEST_SUITE_P(
    Quality, PublishedTable,
    testing::Values(PublishedBicubic{"Set5", 2, 33.66, 0.9299}, PublishedBicubic{"Set5", 3, 30.39, 0.8682},
                    PublishedBicubic{"Set5", 4, 28.42, 0.8104}, PublishedBicubic{"Set14", 2, 30.24, 0.8688},
                    PublishedBicubic{"Set14", 3, 27.55, 0.7742}, PublishedBicubic{"Set14", 4, 26.00, 0.7027}),
    [](const auto& row) { return row.param.set + std::string("x") + std::to_string(row.param.scale); });

TEST_P(PublishedTable, BicubicReachesThePublishedFigures) {
  const auto [set, scale, psnr, ssim] = GetParam();
  WRING_SKIP_WITHOUT_PHOTOGRAPHS(set);
  double psnr_sum = 0;
  double ssim_sum = 0;
  const auto files = files_in(photographs() / set / "HR");
  for (const auto& file : files) {
    const Image hr = crop_to_multiple(read_image(file), scale);
    const Image enlarged = bicubic_enlarge(bicubic_shrink(hr, scale), scale);
    psnr_sum += psnr_y(enlarged, hr, scale);
    ssim_sum += ssim_y(enlarged, hr, scale);
  }
  EXPECT_NEAR(psnr_sum / static_cast<double>(files.size()), psnr, 0.02);
  EXPECT_NEAR(ssim_sum / static_cast<double>(files.size()), ssim, 0.001);
}

}  // namespace
}  // namespace wring
