#include "wring/base/cache_folder.h"

#include <cmath>
#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "wring/base/error.h"

namespace wring {
namespace {
namespace fs = std::filesystem;

class CacheFolder : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : kVariables) ::unsetenv(name);
    folder_ = fs::path(testing::TempDir()) / ("wring_cache_folder_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override {
    for (const char* name : kVariables) ::unsetenv(name);
    ::setenv("HOME", home_.c_str(), 1);
    fs::remove_all(folder_);
  }

  // `age` seconds since its last use.
  void add(const std::string& name, std::size_t bytes, int age) const {
    std::ofstream(folder_ / name) << std::string(bytes, 'x');
    fs::last_write_time(folder_ / name, fs::file_time_type::clock::now() - std::chrono::seconds(age));
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const CacheEntry& entry : list_cache(folder_)) names.push_back(entry.path.filename());
    return names;
  }

  static constexpr const char* kVariables[] = {"WRING_CACHE_DIR", "XDG_CACHE_HOME", "WRING_CACHE_LIMIT_GIB"};
  const std::string home_ = std::getenv("HOME") != nullptr ? std::getenv("HOME") : "";
  fs::path folder_;
};

TEST_F(CacheFolder, TheEnvironmentSaysWhereItIs) {
  ::setenv("HOME", "/users/someone", 1);
  EXPECT_EQ(cache_folder(), fs::path("/users/someone/.cache/wring"));
  ::setenv("XDG_CACHE_HOME", "/var/cache/someone", 1);
  EXPECT_EQ(cache_folder(), fs::path("/var/cache/someone/wring"));
  ::setenv("XDG_CACHE_HOME", "relative", 1);
  EXPECT_EQ(cache_folder(), fs::path("/users/someone/.cache/wring"));
  ::setenv("WRING_CACHE_DIR", "/fast/disk", 1);
  EXPECT_EQ(cache_folder(), fs::path("/fast/disk"));
  ::setenv("WRING_CACHE_DIR", "", 1);
  EXPECT_EQ(cache_folder(), std::nullopt);
}

TEST_F(CacheFolder, EntriesAreListedOldestFirstAndHiddenFilesAreNone) {
  add("new", 10, 1);
  add("old", 20, 100);
  add(".being-written", 30, 50);
  EXPECT_THAT(names(), testing::ElementsAre("old", "new"));
  EXPECT_EQ(bytes_of(list_cache(folder_)), 30);
  EXPECT_TRUE(list_cache(folder_ / "nowhere").empty());
}

TEST_F(CacheFolder, RoomIsMadeByRemovingWhatWasUsedLongestAgo) {
  add("oldest", 40, 300);
  add("middle", 40, 200);
  add("newest", 40, 100);
  EXPECT_TRUE(make_room(folder_, 10, 130));
  EXPECT_THAT(names(), testing::ElementsAre("oldest", "middle", "newest"));
  mark_used(folder_ / "oldest");
  EXPECT_TRUE(make_room(folder_, 20, 130));
  EXPECT_THAT(names(), testing::ElementsAre("newest", "oldest"));
}

TEST_F(CacheFolder, WhatCanNeverFitRemovesNothing) {
  add("entry", 40, 300);
  EXPECT_FALSE(make_room(folder_, 131, 130));
  EXPECT_THAT(names(), testing::ElementsAre("entry"));
}

TEST_F(CacheFolder, TheLimitIsAShareOfTheDiskOrWhatTheUserSays) {
  const std::int64_t limit = cache_limit_bytes(folder_ / "not" / "made" / "yet");
  EXPECT_GT(limit, 0);
  EXPECT_LE(limit, static_cast<std::int64_t>(fs::space(folder_).capacity) / 5);
  ::setenv("WRING_CACHE_LIMIT_GIB", "2.5", 1);
  EXPECT_EQ(cache_limit_bytes(folder_), std::int64_t{5} << 29);
  ::setenv("WRING_CACHE_LIMIT_GIB", "0", 1);
  EXPECT_EQ(cache_limit_bytes(folder_), 0);
  for (const char* wrong : {"lots", "2x", "-1", "nan", "1e10"}) {
    ::setenv("WRING_CACHE_LIMIT_GIB", wrong, 1);
    EXPECT_THROW(cache_limit_bytes(folder_), Error) << wrong;
  }
}

TEST_F(CacheFolder, AFifthOfWhatIsKeptAlreadyCountsToo) {
  constexpr double kGib = 1 << 30;
  double more = 0;
  for (int i = 0; i < 5 && std::abs(more - kGib / 5) > kGib / 50; ++i) {  // others write to the same disk meanwhile
    fs::remove(folder_ / "large");
    const std::int64_t without = cache_limit_bytes(folder_);
    std::ofstream(folder_ / "large").close();
    fs::resize_file(folder_ / "large", std::uintmax_t{1} << 30);  // takes no room
    more = static_cast<double>(cache_limit_bytes(folder_) - without);
  }
  EXPECT_NEAR(more, kGib / 5, kGib / 50);
}

TEST_F(CacheFolder, RoomThatIsJustEnoughRemovesNothing) {
  add("entry", 40, 300);
  EXPECT_TRUE(make_room(folder_, 60, 100));
  EXPECT_THAT(names(), testing::ElementsAre("entry"));
  EXPECT_TRUE(make_room(folder_, 100, 100)) << "all of it";
  EXPECT_THAT(names(), testing::ElementsAre());
}

TEST_F(CacheFolder, WithoutAHomeNothingIsKept) {
  ::unsetenv("HOME");
  EXPECT_EQ(cache_folder(), std::nullopt);
  EXPECT_EQ(decoded_images_folder(), std::nullopt);
  ::setenv("HOME", "", 1);
  EXPECT_EQ(cache_folder(), std::nullopt);
  ::setenv("WRING_CACHE_DIR", "/fast/disk", 1);
  EXPECT_EQ(decoded_images_folder(), fs::path("/fast/disk/images"));
}

}  // namespace
}  // namespace wring
