#include "wring/files/file_claims.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring/files/files.h"

namespace wring {
namespace {
namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class Claims : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("wring_claims_" + std::to_string(::getpid()));
    make_folder(folder_);
    write_file_atomically(folder_ / "input.png", "photograph");
    claims_.add_input(folder_ / "input.png");
    opened_.emplace(Folder::open(folder_));
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string refusal(const std::string& name, const fs::path& source, ErrorCode code) const {
    try {
      claims_.check(*opened_, name, source);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code);
      return error.what();
    }
    return "no error";
  }
  void write(const std::string& name, const fs::path& source) {
    claims_.check(*opened_, name, source);
    write_file_atomically(*opened_, name, "result");
    claims_.add_result(*opened_, name, source);
  }

  fs::path folder_;
  FileClaims claims_;
  std::optional<Folder> opened_;
};

TEST_F(Claims, NoResultReplacesAnInputUnderWhateverName) {
  fs::create_symlink("input.png", folder_ / "link.png");
  fs::create_hard_link(folder_ / "input.png", folder_ / "hard.png");
  for (const char* name : {"input.png", "link.png", "hard.png"}) {
    EXPECT_THAT(refusal(name, "other.png", ErrorCode::usage),
                AllOf(HasSubstr(std::string(name) + ": the output would replace the input"), HasSubstr("input.png")));
  }
  EXPECT_EQ(refusal("new.png", "other.png", ErrorCode::usage), "no error");
}

TEST_F(Claims, NoResultReplacesThatOfAnotherSource) {
  fs::create_symlink("first.png", folder_ / "link.png");
  write("first.png", "a.png");
  for (const char* name : {"first.png", "link.png"}) {
    EXPECT_THAT(refusal(name, "b.png", ErrorCode::failed), AllOf(HasSubstr("a.png"), HasSubstr("b.png")));
  }
  write("second.png", "b.png");
}

TEST_F(Claims, WhatAnEarlierRunLeftMayBeReplaced) {
  write_file_atomically(folder_ / "old.png", "result of before");
  write("old.png", "a.png");
  EXPECT_EQ(read_file(folder_ / "old.png"), "result");
}

TEST(DistinctNames, AreTheShortestThatNoOtherResultHas) {
  EXPECT_THAT(distinct_names({{"a", "a.jpg"}, {"b", "b.jpg"}}), ElementsAre("a", "b"));
  EXPECT_THAT(distinct_names({{"a", "a.jpg"}, {"a", "a.png"}, {"b", "b.png"}}), ElementsAre("a.jpg", "a.png", "b"));
  // The longer name of one is the shorter one of another.
  EXPECT_THAT(distinct_names({{"a", "a.jpg"}, {"a", "a.png"}, {"a.jpg", "a.jpg.png"}}),
              ElementsAre("a.jpg", "a.png", "a.jpg.png"));
}

TEST(DistinctNames, EndInANumberWhereNothingElseTellsThemApart) {
  EXPECT_THAT(distinct_names({{"a"}, {"a"}, {"a_2"}}), ElementsAre("a", "a_3", "a_2"));
}

}  // namespace
}  // namespace wring
