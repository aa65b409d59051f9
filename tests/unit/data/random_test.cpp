#include "wring_train/data/random.h"

#include <cmath>
#include <set>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring_train/data/sampling.h"

namespace wring {
namespace {

std::vector<std::uint64_t> order_of(std::uint64_t seed, std::uint64_t epoch, std::uint64_t size) {
  std::vector<std::uint64_t> order;
  for (std::uint64_t i = 0; i < size; ++i) order.push_back(permuted_index(seed, epoch, i, size));
  return order;
}

TEST(Random, MixingIsSplitMix64AsPublished) {
  EXPECT_EQ(mix64(0), 0xe220a8397b1dcdafULL);
  EXPECT_EQ(mix64(1234567),
            6457827717110365317ULL);  // the first output for this seed in the generator's tests
}

// A sampler on another device must draw these very numbers.
TEST(Random, GoldenValuesHold) {
  EXPECT_EQ(random_bits(0, 0, 0), 0x238275bc38fcbe91ULL);
  EXPECT_EQ(random_bits(1, 2, 3), 0xd0734750fde362b3ULL);
  EXPECT_EQ(random_bits(42, kCropXStream, 1000000), 0x9fd4b101eefba3faULL);
  EXPECT_THAT(order_of(42, 0, 10), testing::ElementsAre(3, 2, 9, 4, 7, 6, 8, 1, 5, 0));
  EXPECT_THAT(order_of(42, 1, 10), testing::ElementsAre(3, 4, 1, 2, 0, 5, 6, 9, 8, 7));
  EXPECT_EQ(permuted_index(0, 7, 0, 291), 278U);
  EXPECT_EQ(permuted_index(0, 7, 5, 291), 196U);
}

TEST(Random, GoldenCropsHold) {
  const SampleCrop second = draw_crop(42, 1, 33, 17, true, true);
  EXPECT_EQ(second.x, 30);
  EXPECT_EQ(second.y, 8);
  EXPECT_TRUE(second.hflip && second.vflip && second.transpose);
  const SampleCrop later = draw_crop(42, 12345, 33, 17, true, true);
  EXPECT_EQ(later.x, 0);
  EXPECT_EQ(later.y, 3);
  EXPECT_FALSE(later.hflip);
  EXPECT_TRUE(later.vflip);
  EXPECT_FALSE(later.transpose);
}

TEST(Random, SwitchedOffTurnsNeverHappen) {
  for (std::uint64_t sample = 0; sample < 64; ++sample) {
    EXPECT_FALSE(draw_crop(1, sample, 5, 5, false, true).hflip);
    const SampleCrop flipped_only = draw_crop(1, sample, 5, 5, true, false);
    EXPECT_FALSE(flipped_only.vflip || flipped_only.transpose);
  }
}

class Permutation : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Permutation, HoldsEveryIndexOnce) {
  const std::uint64_t size = GetParam();
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    const std::vector<std::uint64_t> order = order_of(9, epoch, size);
    const std::set<std::uint64_t> seen(order.begin(), order.end());
    EXPECT_EQ(seen.size(), size);
    EXPECT_EQ(*seen.rbegin(), size - 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Permutation,
                         testing::Values(1, 2, 3, 4, 5, 7, 15, 16, 17, 63, 64, 65, 100, 255, 257, 291, 800, 4096,
                                         29100));

TEST(Random, EveryEpochAndEverySeedHasItsOwnOrder) {
  std::set<std::vector<std::uint64_t>> orders;
  for (std::uint64_t epoch = 0; epoch < 50; ++epoch) orders.insert(order_of(0, epoch, 291));
  for (std::uint64_t seed = 1; seed < 50; ++seed) orders.insert(order_of(seed, 0, 291));
  EXPECT_EQ(orders.size(), 99U);
}

TEST(Random, NumbersStayBelowTheBoundAtBothEnds) {
  for (const std::uint32_t bound : {1U, 2U, 3U, 161U, 0xffffffffU}) {
    EXPECT_EQ(random_below(0, bound), 0U);
    EXPECT_EQ(random_below(~std::uint64_t{0}, bound), bound - 1);
  }
}

// The counts of 7 values in 70 000 draws: chi-square with 6 degrees of freedom stays below 22.5 in 999 of
// 1000 fair generators, and the draws here are fixed.
TEST(Random, NumbersBelowABoundAreEvenlySpread) {
  constexpr std::uint32_t kBound = 7;
  constexpr int kDraws = 70000;
  std::vector<double> counts(kBound);
  for (int i = 0; i < kDraws; ++i) ++counts[random_below(random_bits(5, 1, i), kBound)];
  double chi_square = 0;
  for (const double count : counts) chi_square += std::pow(count - kDraws / kBound, 2) / (kDraws / kBound);
  EXPECT_LT(chi_square, 22.5);
}

TEST(Random, EveryCornerAndEveryTurnIsDrawn) {
  std::set<std::pair<int, int>> corners;
  std::set<int> turns;
  for (std::uint64_t sample = 0; sample < 1000; ++sample) {
    const SampleCrop crop = draw_crop(3, sample, 4, 3, true, true);
    corners.insert({crop.x, crop.y});
    turns.insert(crop.hflip + 2 * crop.vflip + 4 * crop.transpose);
  }
  EXPECT_EQ(corners.size(), 12U);
  EXPECT_EQ(corners.rbegin()->first, 3);
  EXPECT_EQ(turns.size(), 8U);
}

}  // namespace
}  // namespace wring
