#include "wring/base/text.h"

#include <gtest/gtest.h>

namespace wring {
namespace {

TEST(Text, OfOneStringReadsTheSameInBothLanguages) {
  const Text both = "ms";
  EXPECT_EQ(both.in(Language::en), "ms");
  EXPECT_EQ(both.in(Language::zh), "ms");
  const Text two{"memory", "显存"};
  EXPECT_EQ(two.in(Language::en), "memory");
  EXPECT_EQ(two.in(Language::zh), "显存");
  EXPECT_TRUE(Text().empty());
  EXPECT_FALSE(two.empty());
}

}  // namespace
}  // namespace wring
