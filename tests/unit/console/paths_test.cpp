// What a user named and is not there: the message says what there is instead.
#include "wring/console/paths.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixtures/temporary_folder.h"
#include "wring/base/error.h"

namespace wring {
namespace {

namespace fs = std::filesystem;
using testing_support::TemporaryFolder;

// "message; hint", in English.
std::string error_of(const std::function<void()>& check) {
  try {
    check();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::failed);
    return error.message().en + "; " + error.hint().en;
  }
  return "no error";
}

class Paths : public testing::Test {
 protected:
  void SetUp() override { fs::current_path(folder_.path()); }
  void TearDown() override { fs::current_path(before_); }

  const fs::path before_ = fs::current_path();
  const TemporaryFolder folder_;
};

TEST_F(Paths, AConfigThatIsThereIsFine) {
  folder_.write("a.yaml", "");
  EXPECT_EQ(error_of([] { require_config("a.yaml"); }), "no error");
}

TEST_F(Paths, WithoutAnyConfigTheMessageSaysSo) {
  EXPECT_EQ(error_of([] { require_config("a.yaml"); }),
            "the config a.yaml does not exist; there is no .yaml file beside it or in configs/");
}

TEST_F(Paths, ThoseBesideItComeFirstThenThoseInConfigs) {
  for (const char* name : {"b.yml", "a.yaml", "notes.txt", "configs/d.yaml", "configs/c.yaml"}) folder_.write(name, "");
  EXPECT_EQ(error_of([] { require_config("nothing.like.it"); }),
            "the config nothing.like.it does not exist; there are: a.yaml, b.yml, configs/c.yaml, configs/d.yaml");
  EXPECT_EQ(error_of([] { require_config("configs/nothing"); }),
            "the config configs/nothing does not exist; there are: configs/c.yaml, configs/d.yaml")
      << "each once";
}

TEST_F(Paths, TheNearestNameIsProposedAlsoFromAnotherFolder) {
  folder_.write("configs/balanced.yaml", "");
  EXPECT_EQ(
      error_of([] { require_config("balancd.yaml"); }),
      "the config balancd.yaml does not exist; did you mean configs/balanced.yaml? There are: configs/balanced.yaml");
}

TEST_F(Paths, MoreThanTwelveAreCutShort) {
  for (int i = 10; i < 23; ++i) folder_.write("config_" + std::to_string(i) + ".yaml", "");
  const std::string error = error_of([] { require_config("x"); });
  EXPECT_THAT(error, testing::EndsWith(", config_21.yaml, …"));
  fs::remove("config_22.yaml");
  EXPECT_THAT(error_of([] { require_config("x"); }), testing::EndsWith(", config_21.yaml"));
}

TEST_F(Paths, AFolderInPlaceOfAConfigListsWhatIsInIt) {
  folder_.write("mine/a.yaml", "");
  EXPECT_EQ(error_of([] { require_config("mine"); }),
            "the config mine is a folder, not a file; there are: mine/a.yaml");
}

TEST_F(Paths, AFileIsNoFolderAndAFolderNoFile) {
  folder_.write("a", "");
  fs::create_directory("b");
  const Text what{"the thing", "东西"}, hint{"get one", "请取得一个"};
  EXPECT_EQ(error_of([&] { require_file("a", what, hint); }), "no error");
  EXPECT_EQ(error_of([&] { require_file("b", what, hint); }), "the thing b is a folder, not a file; get one");
  EXPECT_EQ(error_of([&] { require_file("c", what, hint); }), "the thing c does not exist; get one");
  EXPECT_EQ(error_of([&] { require_folder("b", what, hint); }), "no error");
  EXPECT_EQ(error_of([&] { require_folder("a", what, hint); }), "the thing a is not a folder; get one");
  EXPECT_EQ(error_of([&] { require_folder("c", what, hint); }), "the thing c does not exist; get one");
}

TEST_F(Paths, TheFolderOfAnOutputMustBeThere) {
  EXPECT_EQ(error_of([] { require_folder_of("out.yaml"); }), "no error") << "the working folder is";
  EXPECT_EQ(error_of([] { require_folder_of("new/out.yaml"); }),
            "the output folder new does not exist; create it: mkdir -p new");
  fs::create_directory("new");
  EXPECT_EQ(error_of([] { require_folder_of("new/out.yaml"); }), "no error");
}

TEST_F(Paths, APageCanBeWrittenWhereItIsToStandAndNothingIsLeftOfTheAttempt) {
  fs::create_directory("pages");
  const FilePlace place = place_of_page("pages/seen.html");
  EXPECT_EQ(place.name, "seen.html");
  EXPECT_TRUE(fs::is_empty("pages"));
  EXPECT_EQ(error_of([] { place_of_page("new/seen.html"); }),
            "the output folder new does not exist; create it: mkdir -p new");
  if (::geteuid() == 0) return;  // root may write everywhere
  fs::permissions("pages", fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_THAT(error_of([] { place_of_page("pages/seen.html"); }), testing::HasSubstr("cannot write"));
  fs::permissions("pages", fs::perms::owner_all);
}

TEST_F(Paths, WhatIsNoPageIsNotReplacedByOne) {
  fs::create_directory("folder.html");
  for (const char* name : {"train.py", "", "seen", "folder.html", "seen.html/"}) {
    try {
      place_of_page(name);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage) << error.what();
    }
  }
}

TEST_F(Paths, WhatCannotBeLookedAtIsNotMissing) {
  fs::create_symlink("circle", "circle");
  fs::create_symlink("/absent/disk/net.safetensors", "gone");
  for (const auto& check : std::vector<std::function<void(const fs::path&)>>{
           require_config, [](const fs::path& path) { require_file(path, "the checkpoint", "train one"); },
           [](const fs::path& path) { require_folder(path, "the image folder", "check it"); }}) {
    EXPECT_THAT(error_of([&] { check("circle"); }), testing::HasSubstr("cannot read circle: Too many levels"));
    EXPECT_THAT(error_of([&] { check("gone"); }),
                testing::HasSubstr("gone is a link to /absent/disk/net.safetensors, which is not there"));
  }
}

TEST_F(Paths, AFifoIsNoCheckpoint) {
  ASSERT_EQ(::mkfifo("pipe", 0600), 0);
  EXPECT_EQ(error_of([] { require_file("pipe", "the checkpoint", "train one"); }),
            "cannot read pipe: it is not a regular file but a FIFO (named pipe); choose another file");
}

}  // namespace
}  // namespace wring
