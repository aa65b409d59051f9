#include "wring/gpu/visible_gpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wring {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<int> seen(std::optional<std::string_view> variable) {
  std::vector<Gpu> gpus(3);
  for (int i = 0; i < 3; ++i) {
    gpus[i].index = i;
    gpus[i].uuid = std::string("GPU-") + "abc"[i] + "0000000-0000-4000-8000-000000000000";
  }
  std::vector<int> indices;
  for (const Gpu& gpu : visible_gpus(gpus, variable)) indices.push_back(static_cast<int>(gpu.index));
  return indices;
}

TEST(VisibleGpus, WithoutTheVariableAllCardsAreSeen) {
  EXPECT_THAT(seen(std::nullopt), ElementsAre(0, 1, 2));
}

TEST(VisibleGpus, IndicesAndUuidsNameCardsInTheirOrder) {
  EXPECT_THAT(seen("2"), ElementsAre(2));
  EXPECT_THAT(seen("2,0"), ElementsAre(2, 0));
  EXPECT_THAT(seen("GPU-b0000000-0000-4000-8000-000000000000,0"), ElementsAre(1, 0));
  EXPECT_THAT(seen("GPU-c"), ElementsAre(2));
}

TEST(VisibleGpus, ANameThatIsNoCardsHidesWhatFollows) {
  EXPECT_THAT(seen("1,-1,0"), ElementsAre(1));
  EXPECT_THAT(seen("0,7,1"), ElementsAre(0));
  EXPECT_THAT(seen("-1"), IsEmpty());
  EXPECT_THAT(seen(""), IsEmpty());
  EXPECT_THAT(seen("none"), IsEmpty());
}

}  // namespace
}  // namespace wring
