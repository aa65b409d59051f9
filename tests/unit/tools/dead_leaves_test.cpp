#include "tools/dead_leaves.h"

#include <cmath>

#include <gtest/gtest.h>

#include "wring/base/error.h"
#include "wring_train/image/bicubic.h"
#include "wring_train/image/quality.h"
#include "wring_train/log/tensorboard.h"

namespace wring {
namespace {

TEST(DeadLeaves, TheSeedAloneDecides) {
  EXPECT_EQ(dead_leaves(64, 48, 5).pixels, dead_leaves(64, 48, 5).pixels);
  EXPECT_NE(dead_leaves(64, 48, 5).pixels, dead_leaves(64, 48, 6).pixels);
}

// The demo's figures hold for these pictures, so every computer must draw them alike.
TEST(DeadLeaves, ASeedDrawsTheSamePictureOnEveryComputer) {
  const auto checksum = [](const Image& image) {
    return tensorboard::crc32c({reinterpret_cast<const char*>(image.pixels.data()), image.pixels.size()});
  };
  EXPECT_EQ(checksum(dead_leaves(160, 96, 1)), 4283273089U);
  EXPECT_EQ(checksum(dead_leaves(61, 200, 2)), 1364970248U);
}

TEST(DeadLeaves, EverySizeCanBeDrawn) {
  for (const auto& [width, height] : {std::pair{1, 1}, std::pair{300, 2}, std::pair{97, 161}}) {
    const Image image = dead_leaves(width, height, 1);
    EXPECT_EQ(image.width, width);
    EXPECT_EQ(image.height, height);
    EXPECT_EQ(image.channels, 3);
    EXPECT_EQ(image.pixels.size(), std::size_t(width) * height * 3);
  }
}

// A pixel that no leaf hides would be black; dark leaves are rare.
TEST(DeadLeaves, LeavesCoverTheImage) {
  const Image image = dead_leaves(160, 120, 1);
  int black = 0;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    black += image.pixels[i] + image.pixels[i + 1] + image.pixels[i + 2] == 0;
  }
  EXPECT_LT(black, 160 * 120 / 50);
}

// Bicubic loses as much as it does on photographs: 26 to 34 dB at x2 and x4 (published sets), where noise
// gives less than 15 and flat areas more than 45.
TEST(DeadLeaves, LosesAsMuchDetailAsPhotographsDoWhenShrunk) {
  for (const int scale : {2, 4}) {
    double sum = 0;
    for (int seed = 0; seed < 4; ++seed) {
      const Image image = dead_leaves(320, 240, seed);
      sum += psnr_y(bicubic_enlarge(bicubic_shrink(image, scale), scale), image, scale);
    }
    EXPECT_GT(sum / 4, 23) << scale;
    EXPECT_LT(sum / 4, 36) << scale;
  }
}

TEST(DeadLeaves, AnEmptyImageIsAnError) {
  EXPECT_THROW(dead_leaves(0, 10, 1), Error);
}

}  // namespace
}  // namespace wring
