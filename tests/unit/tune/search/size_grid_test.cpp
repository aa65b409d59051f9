#include "wring/tune/search/size_grid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wring {
namespace {

using testing::ElementsAre;

TEST(SizeGrid, HasPowersOfTwoBelowEightAndMultiplesOfEightAbove) {
  const SizeGrid grid{.least = 1, .most = 64};
  std::vector<std::int64_t> allowed;
  for (std::int64_t batch = 0; batch <= 70; ++batch) {
    if (grid.allows(batch)) allowed.push_back(batch);
  }
  EXPECT_THAT(allowed, ElementsAre(1, 2, 4, 8, 16, 24, 32, 40, 48, 56, 64));
}

TEST(SizeGrid, FindsItsNeighboursOfAnyNumber) {
  const SizeGrid grid{.least = 1, .most = 64};
  for (double batch = 0.5; batch < 70; batch += 0.5) {
    std::optional<std::int64_t> below;
    std::optional<std::int64_t> above;
    for (std::int64_t size = 1; size <= 64; ++size) {
      if (!grid.allows(size)) continue;
      if (static_cast<double>(size) <= batch) below = size;
      if (static_cast<double>(size) >= batch && !above) above = size;
    }
    EXPECT_EQ(grid.at_or_below(batch), below) << batch;
    EXPECT_EQ(grid.at_or_above(batch), above) << batch;
  }
}

TEST(SizeGrid, AllowsTheConfigsOwnBatchOffTheGrid) {
  const SizeGrid grid{.least = 1, .most = 64, .own = 12};
  EXPECT_TRUE(grid.allows(12));
  EXPECT_EQ(grid.at_or_below(15), 12);
  EXPECT_EQ(grid.at_or_above(9), 12);
  EXPECT_EQ(grid.nearest(13), 12);
  EXPECT_EQ(grid.at_or_above(13), 16);
}

TEST(SizeGrid, ProbesHalfAndDoubleOfTheStart) {
  const SizeGrid grid{.least = 1, .most = 8192};
  EXPECT_THAT(first_probes(grid, 32), ElementsAre(16, 32, 64));
  EXPECT_THAT(first_probes(grid, 8), ElementsAre(4, 8, 16));
  EXPECT_THAT(first_probes(grid, 1), ElementsAre(1, 2, 4));
}

TEST(SizeGrid, ProbesWhatTheCapsLeave) {
  EXPECT_THAT(first_probes({.least = 1, .most = 16}, 16), ElementsAre(4, 8, 16));
  EXPECT_THAT(first_probes({.least = 1, .most = 2}, 16), ElementsAre(1, 2));
  EXPECT_THAT(first_probes({.least = 16, .most = 8192}, 16), ElementsAre(16, 32, 64));
}

}  // namespace
}  // namespace wring
