#include "wring_train/restore/upscaler.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include <ATen/ATen.h>

#include "wring_train/data/random.h"
#include "wring_train/image/bicubic.h"

namespace wring {
namespace {

Image noise(int width, int height, int channels, std::uint64_t seed) {
  Image image(width, height, channels);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<std::uint8_t>(random_bits(seed, 0, i) >> 56);
  }
  return image;
}

int largest_difference(const Image& a, const Image& b) {
  int largest = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) largest = std::max(largest, std::abs(a.pixels[i] - b.pixels[i]));
  return largest;
}

class UpscalerAtEveryScale : public testing::TestWithParam<int> {};

TEST_P(UpscalerAtEveryScale, TilesGiveTheImageThatOnePieceGives) {
  const Edsr network({8, 2, GetParam()}, 5);
  const Image lr = noise(45, 37, 3, 2);
  const at::Device cpu(at::kCPU);
  const Image whole = Upscaler(network, cpu, true, 0)(lr);
  const Image tiled = Upscaler(network, cpu, true, 16)(lr);
  ASSERT_EQ(whole.width, 45 * GetParam());
  ASSERT_EQ(tiled.height, 37 * GetParam());
  EXPECT_LE(largest_difference(whole, tiled), 1);
}

INSTANTIATE_TEST_SUITE_P(Scales, UpscalerAtEveryScale, testing::Values(1, 2, 3, 4, 8));

TEST(Upscaler, GrayStaysGray) {
  const Edsr network({8, 1, 2}, 5);
  const Image sr = Upscaler(network, at::Device(at::kCPU), true, 0)(noise(9, 7, 1, 3));
  EXPECT_EQ(sr.channels, 1);
  EXPECT_EQ(sr.width, 18);
}

TEST(Upscaler, AlphaIsKeptAndEnlargedByBicubic) {
  const Edsr network({8, 1, 2}, 5);
  const Image lr = noise(9, 7, 4, 3);
  const Image sr = Upscaler(network, at::Device(at::kCPU), true, 0)(lr);
  ASSERT_EQ(sr.channels, 4);
  Image alpha(9, 7, 1);
  for (int i = 0; i < 9 * 7; ++i) alpha.pixels[i] = lr.pixels[i * 4 + 3];
  const Image expected = bicubic_enlarge(alpha, 2);
  for (int i = 0; i < 18 * 14; ++i) ASSERT_EQ(sr.pixels[i * 4 + 3], expected.pixels[i]) << "pixel " << i;
}

TEST(Upscaler, ProgressReachesTheNumberOfTiles) {
  const Edsr network({8, 1, 2}, 5);
  int last = 0;
  int total = 0;
  Upscaler(network, at::Device(at::kCPU), true, 8)(noise(20, 8, 3, 3), [&](int done, int all) {
    EXPECT_EQ(done, last + 1);
    last = done;
    total = all;
  });
  EXPECT_EQ(total, 3);
  EXPECT_EQ(last, total);
}

}  // namespace
}  // namespace wring
