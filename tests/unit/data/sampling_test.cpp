#include "wring_train/data/sampling.h"

#include <cstring>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_images.h"
#include "wring_train/data/patch.h"

namespace wring {
namespace {

SamplerSettings settings() {
  SamplerSettings settings;
  settings.seed = 4;
  settings.epoch_samples = 7 * 6;
  settings.batch_size = 5;
  settings.world_size = 2;
  settings.scale = 2;
  settings.patch_size = 8;
  return settings;
}

// Image 2 cannot be used, image 4 is smaller than the patch.
std::vector<StoredImage> images() {
  std::vector<StoredImage> images(7);
  for (int i = 0; i < 7; ++i) images[i] = {0, 0, 10 + 2 * i, 30 - 2 * i, 5 + i, 15 - i};
  images[2].hr_width = 0;
  images[4].hr_height = 6;
  return images;
}

TEST(Sampling, ProcessesAndBatchesWalkThroughAnEpochsOrderOnce) {
  std::set<std::uint64_t> positions, numbers;
  SamplerSettings with = settings();
  ASSERT_EQ(with.steps_per_epoch(), 4U);
  for (int step = 4; step < 8; ++step) {
    for (with.rank = 0; with.rank < 2; ++with.rank) {
      for (int i = 0; i < 5; ++i) {
        const SamplePlace place = place_of(with, step, i);
        EXPECT_EQ(place.epoch, 1U);
        positions.insert(place.position);
        numbers.insert(place.number);
      }
    }
  }
  EXPECT_EQ(positions.size(), 40U);
  EXPECT_EQ(*positions.rbegin(), 39U);
  EXPECT_EQ(numbers.size(), 40U);
  EXPECT_EQ(*numbers.begin(), 40U);
}

TEST(Sampling, ACutBatchShowsTheSamplesOfTheWholeOne) {
  SamplerSettings whole = settings();
  whole.batch_size = 6;
  whole.rank = 1;
  SamplerSettings cut = whole;
  cut.batch_size = 2;
  cut.parts = 3;
  ASSERT_EQ(cut.steps_per_epoch(), whole.steps_per_epoch());
  for (std::uint64_t step = 0; step < 5; ++step) {
    for (std::uint64_t i = 0; i < 6; ++i) {
      const SamplePlace a = place_of(whole, step, i);
      const SamplePlace b = place_of(cut, 3 * step + i / 2, i % 2);
      EXPECT_EQ(b.epoch, a.epoch);
      EXPECT_EQ(b.position, a.position);
      EXPECT_EQ(b.number, a.number);
    }
  }
}

TEST(Sampling, UnusableImagesGiveWayToTheNextUsableOneOfTheOrder) {
  const SamplerSettings with = settings();
  const std::vector<StoredImage> set = images();
  int replaced = 0;
  for (int step = 0; step < 8; ++step) {
    for (int i = 0; i < 5; ++i) {
      const SamplePlace place = place_of(with, step, i);
      std::uint64_t at = place.position;
      const auto image_at = [&] { return permuted_index(with.seed, place.epoch, at % 42, 42) % 7; };
      while (image_at() == 2 || image_at() == 4) ++at;
      replaced += at != place.position;
      EXPECT_EQ(draw_sample(with, set.data(), 7, step, i).image, image_at());
    }
  }
  EXPECT_GT(replaced, 0);
  EXPECT_EQ(find_image(with, {}, 7, [](std::uint64_t) { return false; }), 7U);
}

TEST(Sampling, EveryDrawLiesInsideItsImage) {
  const SamplerSettings with = settings();
  const std::vector<StoredImage> set = images();
  for (int step = 0; step < 200; ++step) {
    for (int i = 0; i < 5; ++i) {
      const SampleDraw draw = draw_sample(with, set.data(), 7, step, i);
      EXPECT_GE(draw.x, 0);
      EXPECT_GE(draw.y, 0);
      EXPECT_LE(draw.x + with.lr_patch(), set[draw.image].lr_width);
      EXPECT_LE(draw.y + with.lr_patch(), set[draw.image].lr_height);
    }
  }
}

// What kernels do pixel by pixel is what the host's fast copy does.
TEST(Sampling, CopiedPatchesAreTurnedAsEveryPixelSays) {
  const Image image = noise(60, 55, 3);
  for (const int patch : {1, 5, 16, 37, 48}) {
    for (int turn = 0; turn < 8; ++turn) {
      SampleDraw draw;
      draw.hflip = turn & 1;
      draw.vflip = (turn >> 1) & 1;
      draw.transpose = (turn >> 2) & 1;
      std::vector<std::uint8_t> copied(std::size_t(patch) * patch * 3);
      copy_patch(image.row(6) + 9, std::size_t(60) * 3, patch, draw, copied.data());
      for (int y = 0; y < patch; ++y) {
        for (int x = 0; x < patch; ++x) {
          const PatchPixel from = turned_from(draw, patch, x, y);
          const std::uint8_t* expected = image.row(6 + from.y) + std::size_t(3 + from.x) * 3;
          ASSERT_EQ(std::memcmp(&copied[(std::size_t(y) * patch + x) * 3], expected, 3), 0)
              << "patch " << patch << ", turn " << turn << ", at " << x << ", " << y;
        }
      }
    }
  }
}

}  // namespace
}  // namespace wring
