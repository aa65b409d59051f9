#include "wring/base/files.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wring/base/error.h"

namespace wring {
namespace {
namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("wring_files_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(Files, WriteReplacesTheWholeContent) {
  write_file_atomically(folder_ / "a.txt", "a longer first content");
  write_file_atomically(folder_ / "a.txt", "second");
  EXPECT_EQ(read_file(folder_ / "a.txt"), "second");
}

TEST_F(Files, AWriterThatThrowsLeavesTheOldContentAndNoTemporaryFile) {
  write_file_atomically(folder_ / "a.txt", "old");
  EXPECT_THROW(write_file_atomically(folder_ / "a.txt",
                                     [](std::ostream& out) {
                                       out << "half";
                                       throw Error(ErrorCode::failed, "stop");
                                     }),
               Error);
  EXPECT_EQ(read_file(folder_ / "a.txt"), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(Files, ALinkStaysAndItsTargetGetsTheContent) {
  write_file_atomically(folder_ / "target.txt", "old");
  fs::create_symlink("target.txt", folder_ / "link.txt");
  write_file_atomically(folder_ / "link.txt", "new");
  EXPECT_TRUE(fs::is_symlink(folder_ / "link.txt"));
  EXPECT_EQ(read_file(folder_ / "target.txt"), "new");
}

TEST_F(Files, WhatIsNotARegularFileIsNeverReplaced) {
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THROW(write_file_atomically(pipe, "new"), Error);
  EXPECT_TRUE(fs::is_fifo(pipe));
  EXPECT_THROW(write_file_atomically(folder_, "new"), Error);
}

TEST_F(Files, AMissingFileIsNamedInTheError) {
  try {
    read_file(folder_ / "missing.yaml");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("missing.yaml"));
    EXPECT_EQ(error.code(), ErrorCode::failed);
  }
}

}  // namespace
}  // namespace wring
