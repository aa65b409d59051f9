#include "wring_train/data/sampling.h"

#include <algorithm>
#include <cstring>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/image/test_images.h"
#include "wring_train/data/patch.h"

namespace wring {
namespace {

SamplerSettings settings() {
  SamplerSettings settings;
  settings.seed = 4;
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

// The image of every sample of one batch of all processes, in the stream's order.
std::vector<std::uint64_t> images_of_batch(SamplerSettings with, std::uint64_t step, std::uint64_t count) {
  std::vector<std::uint64_t> found;
  for (with.rank = 0; with.rank < with.world_size; ++with.rank) {
    for (std::uint64_t i = 0; i < with.whole_batch(); ++i) {
      found.push_back(find_image(with.seed, sample_number(with, step, i), count, [](auto) { return true; }));
    }
  }
  return found;
}

TEST(Sampling, BatchesOfAnyNumberOfProcessesFollowEachOtherInTheStream) {
  for (const int processes : {1, 2, 4}) {
    SamplerSettings with = settings();
    with.world_size = processes;
    with.batch_size = 20 / processes;
    std::uint64_t next = 0;
    for (std::uint64_t step = 0; step < 5; ++step) {
      for (with.rank = 0; with.rank < processes; ++with.rank) {
        for (int i = 0; i < with.batch_size; ++i) EXPECT_EQ(sample_number(with, step, i), next++);
      }
    }
  }
}

TEST(Sampling, TheStreamIsOnePermutationAfterTheOther) {
  const auto image_at = [](std::uint64_t number) { return find_image(4, number, 7, [](auto) { return true; }); };
  std::set<std::vector<std::uint64_t>> orders;
  for (std::uint64_t permutation = 0; permutation < 20; ++permutation) {
    std::vector<std::uint64_t> order;
    for (std::uint64_t position = 0; position < 7; ++position) {
      order.push_back(image_at(7 * permutation + position));
      EXPECT_EQ(order.back(), permuted_index(4, permutation, position, 7));
    }
    orders.insert(order);
  }
  EXPECT_GT(orders.size(), 15U);
}

// Two processes of 128 and one of 256, from 219 images.
TEST(Sampling, ProcessesOfASmallBatchShowTheImagesOfOneLargeBatch) {
  SamplerSettings large = settings();
  large.world_size = 1;
  large.batch_size = 256;
  SamplerSettings small = large;
  small.world_size = 2;
  small.batch_size = 128;
  for (std::uint64_t step = 0; step < 20; ++step) {
    EXPECT_EQ(images_of_batch(small, step, 219), images_of_batch(large, step, 219)) << step;
  }
}

TEST(Sampling, AfterAnyNumberOfStepsTheCountsOfTheImagesDifferByAtMostOne) {
  for (const std::uint64_t count : {1, 2, 3, 12, 219, 291, 800}) {
    SamplerSettings with = settings();
    with.batch_size = 128;
    std::vector<int> shown(count);
    for (std::uint64_t step = 0; step < 1000; ++step) {
      for (const std::uint64_t image : images_of_batch(with, step, count)) ++shown[image];
      const auto [least, most] = std::ranges::minmax(shown);
      ASSERT_LE(most - least, 1) << count << " images, step " << step;
    }
  }
}

TEST(Sampling, AnImageThatStandsTwiceInABatchIsCutAtAnotherPlace) {
  const StoredImage image{0, 0, 1000, 1000, 500, 500};
  SamplerSettings with = settings();
  with.world_size = 1;
  with.batch_size = 256;
  std::set<std::pair<int, int>> places;
  for (std::uint64_t i = 0; i < 256; ++i) {
    const SampleDraw draw = draw_sample(with, &image, 1, 3, i);
    EXPECT_EQ(draw.image, 0U);
    places.insert({draw.x, draw.y});
  }
  EXPECT_GT(places.size(), 250U);  // of 497 × 497, two may fall together
}

TEST(Sampling, ACutBatchShowsTheSamplesOfTheWholeOne) {
  SamplerSettings whole = settings();
  whole.batch_size = 6;
  whole.rank = 1;
  SamplerSettings cut = whole;
  cut.batch_size = 2;
  cut.parts = 3;
  for (std::uint64_t step = 0; step < 5; ++step) {
    for (std::uint64_t i = 0; i < 6; ++i) {
      EXPECT_EQ(sample_number(cut, 3 * step + i / 2, i % 2), sample_number(whole, step, i));
    }
  }
}

TEST(Sampling, UnusableImagesGiveWayToTheNextUsableOneOfThePermutation) {
  const SamplerSettings with = settings();
  const std::vector<StoredImage> set = images();
  int replaced = 0;
  for (int step = 0; step < 8; ++step) {
    for (int i = 0; i < 5; ++i) {
      const std::uint64_t number = sample_number(with, step, i);
      std::uint64_t at = number % 7;
      const auto image_at = [&] { return permuted_index(with.seed, number / 7, at % 7, 7); };
      while (image_at() == 2 || image_at() == 4) ++at;
      replaced += at != number % 7;
      EXPECT_EQ(draw_sample(with, set.data(), 7, step, i).image, image_at());
    }
  }
  EXPECT_GT(replaced, 0);
  EXPECT_EQ(find_image(with.seed, 3, 7, [](std::uint64_t) { return false; }), 7U);
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
