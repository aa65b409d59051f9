// wring cache, as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/programs.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;

class Cache : public testing::Test {
 protected:
  void SetUp() override {
    programs_.set("WRING_CACHE_DIR", (programs_.folder().path() / "kept").string());
    programs_.set("WRING_CACHE_LIMIT_GIB", "2");
    std::filesystem::create_directories(programs_.folder().path() / "kept" / "images");
    for (const char* name : {"a.images", "b.images"}) {
      programs_.folder().write(std::string("kept/images/") + name, std::string(std::size_t{1} << 20, 'x'));
    }
  }
  Programs programs_;
};

TEST_F(Cache, SaysWhereHowMuchAndWhatTheLimitIs) {
  const ChildResult result = programs_.wring({"cache"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.out, HasSubstr("kept/images: 2 data sets, 2 MiB of at most 2048 MiB"));
  EXPECT_THAT(programs_.wring({"cache", "--lang", "zh"}).out, HasSubstr("2 个数据集，2 MiB，上限 2048 MiB"));
}

TEST_F(Cache, ClearRemovesAllOfIt) {
  const ChildResult result = programs_.wring({"cache", "--clear"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.out, HasSubstr("removed 2 data sets, 2 MiB"));
  EXPECT_FALSE(programs_.exists("kept/images/a.images"));
  EXPECT_THAT(programs_.wring({"cache"}).out, HasSubstr("0 data sets"));
}

TEST_F(Cache, WithoutAFolderNothingIsKept) {
  programs_.set("WRING_CACHE_DIR", "");
  EXPECT_THAT(programs_.wring({"cache"}).out, HasSubstr("nothing is kept"));
}

TEST_F(Cache, AWrongLimitIsAUsageError) {
  programs_.set("WRING_CACHE_LIMIT_GIB", "much");
  const ChildResult result = programs_.wring({"cache"});
  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.err, HasSubstr("WRING_CACHE_LIMIT_GIB"));
}

}  // namespace
}  // namespace wring
