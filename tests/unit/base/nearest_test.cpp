#include "wring/base/nearest.h"

#include <vector>

#include <gtest/gtest.h>

namespace wring {
namespace {

const std::vector<std::string> kNames = {"batch_size", "base_channels", "lr", "seed"};

TEST(NearestName, IsTheOneWithTheFewestLettersToChange) {
  EXPECT_EQ(nearest_name("batch_sise", kNames), "batch_size");
  EXPECT_EQ(nearest_name("batchsize", kNames), "batch_size");
  EXPECT_EQ(nearest_name("base_chanels", kNames), "base_channels");
  EXPECT_EQ(nearest_name("sed", kNames), "seed") << "one letter away, where lr is three";
  EXPECT_EQ(nearest_name("seed", kNames), "seed");
}

TEST(NearestName, AShortWordMayDifferInTwoLettersALongOneInAThird) {
  EXPECT_EQ(nearest_name("xeex", kNames), "seed");
  EXPECT_EQ(nearest_name("xxex", kNames), "");
  EXPECT_EQ(nearest_name("batch_xxxx", kNames), "") << "four letters of ten";
  EXPECT_EQ(nearest_name("batch_sxxx", kNames), "batch_size");
  EXPECT_EQ(nearest_name("", kNames), "") << "every letter is not near";
  EXPECT_EQ(nearest_name("ab", kNames), "");
}

TEST(NearestName, OfEquallyNearOnesItIsTheFirst) {
  EXPECT_EQ(nearest_name("aa", std::vector<std::string>{"ab", "ac"}), "ab");
}

TEST(NearestName, OfNoneThereIsNone) {
  EXPECT_EQ(nearest_name("batch_size", {}), "");
}

}  // namespace
}  // namespace wring
