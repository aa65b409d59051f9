#include "wring_train/image/compare.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/as_recorded.h"
#include "test_images.h"
#include "wring/base/error.h"
#include "wring_train/image/bitmap_font.h"

namespace wring {
namespace {
using testing::ElementsAre;

std::string dots(const Image& image) {
  std::string text;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) text += image.row(y)[x * image.channels] == 0 ? '#' : '.';
    text += '\n';
  }
  return text;
}

std::string drawn(std::string_view text) {
  Image image = filled(text_width(text, 1), 7, 1, 255);
  draw_text(image, 0, 0, text, 1);
  return dots(image);
}

TEST(BitmapFont, DrawsLettersFromTheTopLeft) {
  EXPECT_EQ(drawn("x4"),
            ".........#.\n"
            "........##.\n"
            "#...#..#.#.\n"
            ".#.#..#..#.\n"
            "..#...#####\n"
            ".#.#.....#.\n"
            "#...#....#.\n");
}

TEST(BitmapFont, AnUnknownCharacterIsOneBox) {
  EXPECT_EQ(drawn("\xe4\xb8\xad"), drawn("?"));
  EXPECT_THAT(drawn("?"), testing::StartsWith("#####\n#...#\n"));
}

TEST(BitmapFont, EveryLetterAndDigitDiffersFromAllOthersAndFromTheBox) {
  const std::string all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .()/:-+%,_=?";
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      EXPECT_NE(drawn(all.substr(i, 1)), drawn(all.substr(j, 1))) << all[i] << " and " << all[j];
    }
  }
}

TEST(BitmapFont, IsTheOneThatWasDrawn) {
  std::string alphabet;
  for (const char* line :
       {"ABCDEFGHIJKLM", "NOPQRSTUVWXYZ", "abcdefghijklm", "nopqrstuvwxyz", "0123456789%()", "+,-./:=_?"}) {
    alphabet += drawn(line) + "\n";
  }
  testing_support::expect_as_recorded("font.txt", alphabet);
}

TEST(BitmapFont, TextBeyondTheImageIsCutOff) {
  Image image = filled(4, 4, 3, 255);
  draw_text(image, -3, -3, "WWW", 2);
  EXPECT_THAT(image.pixels, testing::Contains(0));
  draw_text(image, 100, 100, "W", 2);
}

TEST(SideBySide, PutsEveryPanelOnWhiteWithoutChangingIt) {
  const Image a = noise(60, 40, 3, 1);
  const Image b = noise(80, 40, 1, 2);
  const std::vector<Panel> panels{{a, "LR"}, {b, "HR"}};
  const Image picture = side_by_side(panels);
  EXPECT_EQ(picture.channels, 3);
  EXPECT_EQ(crop(picture, 12, 12, 60, 40).pixels, a.pixels);
  EXPECT_EQ(crop(picture, 12 + 60 + 12, 12, 80, 40).pixels, to_rgb(b).pixels);
  EXPECT_THAT(crop(picture, 12 + 60, 0, 12, picture.height).pixels, testing::Each(255));
}

TEST(SideBySide, TheCaptionStandsBelowItsPanel) {
  const std::vector<Panel> panels{{filled(60, 40, 3, 255), "LR"}};
  const Image picture = side_by_side(panels);
  Image expected = filled(picture.width, 14, 3, 255);
  draw_text(expected, (picture.width - text_width("LR", 2)) / 2, 0, "LR", 2);
  EXPECT_EQ(crop(picture, 0, 12 + 40 + 12, picture.width, 14).pixels, expected.pixels);
}

TEST(SideBySide, ALongCaptionWidensItsCell) {
  const std::vector<Panel> panels{{filled(10, 10, 3, 0), "a caption of some length"}};
  EXPECT_EQ(side_by_side(panels).width, text_width(panels[0].caption, 2) + 24);
}

TEST(SideBySide, PanelsOfDifferentHeightAreAnError) {
  const std::vector<Panel> panels{{filled(10, 10, 3, 0), "a"}, {filled(10, 11, 3, 0), "b"}};
  EXPECT_THROW(side_by_side(panels), Error);
  EXPECT_THROW(side_by_side({}), Error);
}

TEST(EnlargeNearest, RepeatsEveryPixel) {
  Image image(2, 1, 1);
  image.pixels = {3, 4};
  EXPECT_THAT(enlarge_nearest(image, 2).pixels, ElementsAre(3, 3, 4, 4, 3, 3, 4, 4));
}

TEST(MostDetailedRegion, FindsThePatchOfDetail) {
  Image image = filled(200, 120, 3, 90);
  const Image detail = noise(20, 20, 3);
  for (int y = 0; y < 20; ++y) std::copy_n(detail.row(y), 60, image.row(70 + y) + 140 * 3);
  const PixelPosition at = most_detailed_region(image, 40, 40);
  EXPECT_GE(at.x, 120);
  EXPECT_LE(at.x, 140);
  EXPECT_GE(at.y, 50);
  EXPECT_LE(at.y, 70);
}

TEST(MostDetailedRegion, ReachesTheLowerRightCorner) {
  Image image = filled(103, 97, 1, 0);
  image.row(96)[102] = 255;
  const PixelPosition at = most_detailed_region(image, 20, 20);
  EXPECT_EQ(at.x, 83);
  EXPECT_EQ(at.y, 77);
}

TEST(MostDetailedRegion, AWindowLargerThanTheImageIsAnError) {
  EXPECT_THROW(most_detailed_region(noise(20, 20, 1), 21, 20), Error);
}

}  // namespace
}  // namespace wring
