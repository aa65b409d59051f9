#include "wring/files/cache_folder.h"

#include <cmath>
#include <cstdlib>
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
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

  // A set, told by its first digit; `age` seconds since its last use.
  static std::string set_name(char digit) { return std::string(32, digit) + ".wring-set"; }
  void add(const std::string& name, std::size_t bytes, int age) const {
    std::ofstream(folder_ / name) << std::string(bytes, 'x');
    fs::last_write_time(folder_ / name, fs::file_time_type::clock::now() - std::chrono::seconds(age));
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const CacheEntry& entry : list_cache(cache())) names.push_back(entry.name);
    return names;
  }
  Folder cache() const { return Folder::open(folder_); }

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

TEST_F(CacheFolder, EntriesAreListedOldestFirstAndNothingElseIsOne) {
  add(set_name('a'), 10, 1);
  add(set_name('b'), 20, 100);
  const std::vector<std::string> others = {"photo.jpg", "notes.wring-set", "." + set_name('c') + ".partial",
                                           std::string(31, 'a') + "g.wring-set", std::string(32, 'a') + ".images"};
  for (const std::string& name : others) add(name, 30, 200);
  fs::create_symlink(folder_ / "photo.jpg", folder_ / set_name('d'));
  fs::create_directories(folder_ / set_name('e'));
  EXPECT_THAT(names(), testing::ElementsAre(set_name('b'), set_name('a')));
  EXPECT_EQ(bytes_of(list_cache(cache())), 30);
}

TEST_F(CacheFolder, RoomIsMadeByRemovingWhatWasUsedLongestAgoAndNothingElse) {
  add(set_name('1'), 40, 300);
  add(set_name('2'), 40, 200);
  add(set_name('3'), 40, 100);
  add("photo.jpg", 1000, 900);
  EXPECT_TRUE(make_room(cache(), 10, 130));
  EXPECT_THAT(names(), testing::ElementsAre(set_name('1'), set_name('2'), set_name('3')));
  mark_used(cache(), set_name('1'));
  EXPECT_TRUE(make_room(cache(), 20, 130));
  EXPECT_THAT(names(), testing::ElementsAre(set_name('3'), set_name('1')));
  EXPECT_TRUE(fs::exists(folder_ / "photo.jpg"));
}

TEST_F(CacheFolder, WhatCanNeverFitRemovesNothing) {
  add(set_name('1'), 40, 300);
  EXPECT_FALSE(make_room(cache(), 131, 130));
  EXPECT_THAT(names(), testing::ElementsAre(set_name('1')));
}

TEST_F(CacheFolder, LeftOversAreWhatNobodyWritesAnyMoreAndTheSetsOfEarlierVersions) {
  const fs::path root = folder_;
  folder_ = root / "decoded-7";
  fs::create_directories(folder_);
  fs::create_directories(root / "images");
  const std::string earlier = std::string(32, 'a') + ".images";
  const std::string resembles = std::string(32, 'b') + ".images";
  std::ofstream(root / "images" / earlier) << "wring decoded 1" << std::string(100, '\0');
  std::ofstream(root / "images" / resembles) << "photographs of my own";
  std::ofstream(root / "images" / "photo.jpg") << "wring decoded 1";
  const std::string left = "." + set_name('1') + ".partial";
  const std::string written = "." + set_name('2') + ".partial";
  for (const std::string& name : {left, written, set_name('3')}) add(name, 10, 1);
  const Descriptor writer = cache().open_file(written, O_RDWR);
  ASSERT_EQ(::flock(writer.get(), LOCK_EX), 0);
  remove_left_overs(cache());
  EXPECT_THAT(cache().names(), testing::UnorderedElementsAre(written, set_name('3')));
  EXPECT_THAT(Folder::open(root / "images").names(), testing::UnorderedElementsAre(resembles, "photo.jpg"));
  folder_ = root;
}

TEST_F(CacheFolder, IsOneOfThisUserAlone) {
  ::setenv("WRING_CACHE_DIR", folder_.c_str(), 1);
  EXPECT_EQ(decoded_images_folder(), folder_ / ("decoded-" + std::to_string(::geteuid())));
  EXPECT_FALSE(find_cache(folder_ / "none"));
  const Folder made = make_cache(folder_ / "made");
  struct stat status {};
  ASSERT_EQ(::fstat(made.descriptor(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
  EXPECT_TRUE(find_cache(folder_ / "made"));
}

TEST_F(CacheFolder, ThatIsALinkOrOpenToOthersOrAnotherUsersIsRefused) {
  const auto refusal = [&](const std::string& name) {
    try {
      make_cache(folder_ / name);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  make_cache(folder_ / "made");
  fs::create_directory_symlink("made", folder_ / "link");
  EXPECT_THAT(refusal("link"), testing::HasSubstr("it is a link"));
  fs::permissions(folder_ / "made", fs::perms::others_write, fs::perm_options::add);
  EXPECT_THAT(refusal("made"), testing::HasSubstr("others may write to it"));
  fs::permissions(folder_ / "made", fs::perms::owner_all);
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder to another user";
  ASSERT_EQ(::chown((folder_ / "made").c_str(), 12345, 12345), 0);
  EXPECT_THAT(refusal("made"), testing::HasSubstr("another user (uid 12345)"));
}

TEST_F(CacheFolder, TheLimitIsAShareOfTheDiskOrWhatTheUserSays) {
  const std::int64_t limit = cache_limit_bytes(folder_ / "not" / "made" / "yet");
  EXPECT_GT(limit, 0);
  EXPECT_LE(limit, static_cast<std::int64_t>(fs::space(folder_).capacity) / 5);
  ::setenv("WRING_CACHE_LIMIT_GIB", "2.5", 1);
  EXPECT_EQ(cache_limit_bytes(folder_), std::int64_t{5} << 29);
  ::setenv("WRING_CACHE_LIMIT_GIB", "0", 1);
  EXPECT_EQ(cache_limit_bytes(folder_), 0);
  for (const char* wrong : {"lots", "2x", "-1", "nan", "inf", "1e10", "", " ", "1e-12", "1e-320"}) {
    ::setenv("WRING_CACHE_LIMIT_GIB", wrong, 1);
    EXPECT_THROW(cache_limit_bytes(folder_), Error) << wrong;
  }
}

TEST_F(CacheFolder, AFifthOfWhatIsKeptAlreadyCountsToo) {
  constexpr double kGib = 1 << 30;
  double more = 0;
  for (int i = 0; i < 5 && std::abs(more - kGib / 5) > kGib / 50; ++i) {  // others write to the same disk meanwhile
    fs::remove(folder_ / set_name('f'));
    const std::int64_t without = cache_limit_bytes(folder_);
    std::ofstream(folder_ / set_name('f')).close();
    fs::resize_file(folder_ / set_name('f'), std::uintmax_t{1} << 30);  // takes no room
    more = static_cast<double>(cache_limit_bytes(folder_) - without);
  }
  EXPECT_NEAR(more, kGib / 5, kGib / 50);
}

TEST_F(CacheFolder, RoomThatIsJustEnoughRemovesNothing) {
  add(set_name('1'), 40, 300);
  EXPECT_TRUE(make_room(cache(), 60, 100));
  EXPECT_THAT(names(), testing::ElementsAre(set_name('1')));
  EXPECT_TRUE(make_room(cache(), 100, 100)) << "all of it";
  EXPECT_THAT(names(), testing::ElementsAre());
}

TEST_F(CacheFolder, WithoutAHomeNothingIsKept) {
  ::unsetenv("HOME");
  EXPECT_EQ(cache_folder(), std::nullopt);
  EXPECT_EQ(decoded_images_folder(), std::nullopt);
  ::setenv("HOME", "", 1);
  EXPECT_EQ(cache_folder(), std::nullopt);
  ::setenv("WRING_CACHE_DIR", "/fast/disk", 1);
  EXPECT_EQ(decoded_images_folder(), fs::path("/fast/disk") / ("decoded-" + std::to_string(::geteuid())));
}

}  // namespace
}  // namespace wring
