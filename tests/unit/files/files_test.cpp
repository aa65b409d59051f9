#include "wring/files/files.h"

#include <csignal>
#include <fstream>
#include <functional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixtures/captured_waits.h"
#include "wring/base/error.h"
#include "wring/files/file_errors.h"

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

TEST_F(Files, APipeIsReadAndNamedWhileNobodyWritesIntoIt) {
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  testing_support::CapturedWaits waits;
  std::string content;
  std::jthread reader([&] { content = read_file(pipe); });
  EXPECT_TRUE(waits.heard("waiting for what somebody writes into " + pipe.string()));
  std::ofstream(pipe) << "at last";
  reader.join();
  EXPECT_EQ(content, "at last");
}

TEST_F(Files, ALinkThatSomebodyPlantedForATemporaryFileIsNotWrittenThrough) {
  write_file_atomically(folder_ / "victim", "precious");
  for (const std::string& name : {"sum.json.tmp" + std::to_string(::getpid()), std::string("sum.json.tmp")}) {
    fs::create_symlink(folder_ / "victim", folder_ / name);
  }
  write_file_atomically(folder_ / "sum.json", "summary");
  EXPECT_EQ(read_file(folder_ / "victim"), "precious");
  EXPECT_EQ(read_file(folder_ / "sum.json"), "summary");
  EXPECT_FALSE(fs::is_symlink(folder_ / "sum.json"));
}

TEST_F(Files, ALinkOfAnotherUserIsNotFollowed) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make another user's link";
  write_file_atomically(folder_ / "victim", "precious");
  fs::create_symlink("victim", folder_ / "link");
  ASSERT_EQ(::lchown((folder_ / "link").c_str(), 12345, 12345), 0);
  try {
    write_file_atomically(folder_ / "link", "new");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("link of another user (uid 12345)"));
  }
  EXPECT_EQ(read_file(folder_ / "victim"), "precious");
}

TEST_F(Files, ALinkToALinkElsewhereIsFollowedToItsEnd) {
  fs::create_directories(folder_ / "far" / "away");
  fs::create_symlink("far/second", folder_ / "first");
  fs::create_symlink("away/target", folder_ / "far" / "second");
  write_file_atomically(folder_ / "first", "new");
  EXPECT_EQ(read_file(folder_ / "far" / "away" / "target"), "new");
  fs::create_symlink("loop", folder_ / "loop");
  EXPECT_THROW(write_file_atomically(folder_ / "loop", "new"), Error);
}

TEST_F(Files, TheLongestNameThatAFileCanHaveIsWritten) {
  const std::string name(255, 'n');
  write_file_atomically(folder_ / name, "content");
  EXPECT_EQ(read_file(folder_ / name), "content");
  EXPECT_THROW(write_file_atomically(folder_ / (name + "n"), "content"), Error);
}

TEST_F(Files, WhereNothingCanBeWrittenTheFileIsNamed) {
  try {
    write_file_atomically(folder_ / "missing" / "a.txt", "content");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("cannot write " + (folder_ / "missing/a.txt").string()));
  }
}

TEST_F(Files, ADeviceWithoutEndIsNotReadForEver) {
  EXPECT_THROW(read_file("/dev/zero"), Unreadable);
}

TEST_F(Files, AFifoIsReadFromWhoWritesToItAndNamedWhereNobodyDoes) {
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  {
    const std::jthread writer([&] { std::ofstream(pipe) << std::string(100'000, 'x'); });
    EXPECT_EQ(read_file(pipe).size(), 100'000U);
  }
  {
    const std::jthread writer([&] { std::ofstream(pipe) << std::string(1000, 'x'); });  // in one piece
    EXPECT_EQ(read_file(pipe, 10), std::string(10, 'x'));
  }
  try {
    read_file(pipe);
    FAIL() << "nobody writes to it";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("pipe"), testing::HasSubstr("it is a FIFO")));
  }
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

TEST_F(Files, AnErrorSaysTheSystemsReasonAndWhatToDo) {
  const auto error_of = [](const std::function<void()>& act) {
    try {
      act();
    } catch (const Error& error) {
      return error.message().en + "; " + error.hint().en;
    }
    return std::string("no error");
  };
  const std::string folder = folder_.string();
  EXPECT_EQ(error_of([&] { read_file(folder_ / "missing"); }),
            "cannot read " + folder + "/missing: No such file or directory; check the path");
  EXPECT_EQ(error_of([&] { read_file(folder_); }),
            "cannot read " + folder + ": Is a directory; check the path and its permissions");
  EXPECT_EQ(error_of([&] { write_file_atomically(folder_ / "no/a.txt", "x"); }),
            "cannot write " + folder + "/no/a.txt: No such file or directory; check the path");
  write_file_atomically(folder_ / "a.txt", "x");
  EXPECT_EQ(error_of([&] { make_folder(folder_ / "a.txt/b"); }),
            "cannot create the folder " + folder + "/a.txt/b: Not a directory; check the path and its permissions");
}

TEST_F(Files, AFolderIsMadeWithItsParentsAndMayExist) {
  make_folder(folder_ / "a/b/c");
  EXPECT_TRUE(fs::is_directory(folder_ / "a/b/c"));
  make_folder(folder_ / "a/b/c");
}

TEST_F(Files, WhatADiskDoesNotTakeLeavesTheOldContentAndNoTemporaryFile) {
  write_file_atomically(folder_ / "a.txt", "old");
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit little { 4096, before.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &little), 0);
  std::string what;
  try {
    write_file_atomically(folder_ / "a.txt", std::string(100'000, 'x'));
  } catch (const Error& error) {
    what = error.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(what, testing::HasSubstr("a.txt: File too large"));
  EXPECT_EQ(read_file(folder_ / "a.txt"), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(Files, ThisProgramIsTheOneThatRuns) {
  EXPECT_EQ(this_program().filename(), "wring_unit_tests");
}

}  // namespace
}  // namespace wring
