// wring cache, as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "fixtures/programs.h"
#include "wring/files/cache_folder.h"

namespace wring {
namespace {

using namespace testing_support;
using testing::HasSubstr;

class Cache : public testing::Test {
 protected:
  void SetUp() override {
    programs_.set("WRING_CACHE_DIR", (programs_.folder().path() / "kept").string());
    programs_.set("WRING_CACHE_LIMIT_GIB", "2");
    make_cache(programs_.folder().path() / own_);
    for (const char digit : {'a', 'b'}) {
      programs_.folder().write(own_ + "/" + std::string(32, digit) + ".wring-set",
                               std::string(std::size_t{1} << 20, 'x'));
    }
  }
  const std::string own_ = "kept/decoded-" + std::to_string(::geteuid());
  Programs programs_;
};

TEST_F(Cache, SaysWhereHowMuchAndWhatTheLimitIs) {
  const ChildResult result = programs_.wring({"cache"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.out, HasSubstr(own_ + ": 2 data sets, 2 MiB of at most 2048 MiB"));
  EXPECT_THAT(programs_.wring({"cache", "--lang", "zh"}).out, HasSubstr("2 个数据集，2 MiB，上限 2048 MiB"));
}

TEST_F(Cache, ClearRemovesAllOfIt) {
  const ChildResult result = programs_.wring({"cache", "--clear"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_THAT(result.out, HasSubstr("removed 2 data sets, 2 MiB"));
  EXPECT_FALSE(programs_.exists(own_ + "/" + std::string(32, 'a') + ".wring-set"));
  EXPECT_THAT(programs_.wring({"cache"}).out, HasSubstr("0 data sets"));
}

TEST_F(Cache, ClearTouchesNoOtherFile) {
  const std::vector<std::string> others = {"kept/images/photo.jpg", "kept/photo.png", own_ + "/photo.jpg"};
  for (const std::string& name : others) programs_.folder().write(name, "precious");
  EXPECT_EQ(programs_.wring({"cache", "--clear"}).exit_status, 0);
  for (const std::string& name : others) EXPECT_EQ(programs_.read(name), "precious") << name;
}

TEST_F(Cache, AFolderThatOthersMayWriteToIsRefusedByName) {
  std::filesystem::permissions(programs_.folder().path() / own_, std::filesystem::perms::others_write,
                               std::filesystem::perm_options::add);
  const ChildResult result = programs_.wring({"cache", "--clear"});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_THAT(result.err, testing::AllOf(HasSubstr(own_), HasSubstr("others may write to it")));
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
