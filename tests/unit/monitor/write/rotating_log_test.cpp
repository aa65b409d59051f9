#include "wring/monitor/write/rotating_log.h"

#include <algorithm>
#include <string>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixtures/temporary_folder.h"
#include "wring/base/error.h"
#include "wring/files/descriptor.h"
#include "wring/files/files.h"

namespace wring {
namespace {

using testing_support::TemporaryFolder;

bool any_line(std::string_view) {
  return true;
}

class Log : public testing::Test {
 protected:
  std::string read(const std::string& name) const { return read_file(folder_.path() / name); }
  bool exists(const std::string& name) const { return std::filesystem::exists(folder_.path() / name); }
  TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "gpu.log";
};

TEST_F(Log, AppendsToWhatIsThereAndHeadsOnlyWhatIsEmpty) {
  { RotatingLog(path_, {"header\n", {}}).append("one\n"); }
  { RotatingLog(path_, {"header\n", {}}).append("two\n"); }
  EXPECT_EQ(read("gpu.log"), "header\none\ntwo\n");
}

TEST_F(Log, IsPutAsideBeforeItGrowsBeyondItsSize) {
  RotatingLog log(path_, {"h\n", {}}, {.max_bytes = 10, .old_files = 2});
  for (const char* line : {"1234\n", "56\n", "78\n", "9abc\n", "def\n", "last\n"}) log.append(line);
  EXPECT_EQ(read("gpu.log"), "h\nlast\n");
  EXPECT_EQ(read("gpu.log.1"), "h\ndef\n");
  EXPECT_EQ(read("gpu.log.2"), "h\n78\n9abc\n") << "ten bytes, and not one more";
  EXPECT_FALSE(exists("gpu.log.3"));
}

TEST_F(Log, ARecordLargerThanAFileStaysWhole) {
  RotatingLog log(path_, {"", any_line}, {.max_bytes = 4, .old_files = 1});
  log.append("a long record\n");
  log.append("b\n");
  EXPECT_EQ(read("gpu.log.1"), "a long record\n");
  EXPECT_EQ(read("gpu.log"), "b\n");
}

TEST_F(Log, WithoutOldFilesItStartsAgain) {
  RotatingLog log(path_, {"h\n", {}}, {.max_bytes = 6, .old_files = 0});
  log.append("123\n");
  log.append("456\n");
  EXPECT_EQ(read("gpu.log"), "h\n456\n");
  EXPECT_FALSE(exists("gpu.log.1"));
}

TEST_F(Log, SizeZeroMeansNoLimit) {
  RotatingLog log(path_, {"", any_line}, {.max_bytes = 0, .old_files = 1});
  for (int i = 0; i < 100; ++i) log.append("a line that is repeated\n");
  EXPECT_FALSE(exists("gpu.log.1"));
}

TEST_F(Log, OpensItsPathAnewWhenAskedTo) {
  RotatingLog log(path_, {"h\n", {}});
  log.append("one\n");
  std::filesystem::rename(path_, folder_.path() / "moved");
  log.append("two\n");
  log.reopen();
  log.append("three\n");
  EXPECT_EQ(read("moved"), "h\none\ntwo\n");
  EXPECT_EQ(read("gpu.log"), "h\nthree\n");
}

TEST_F(Log, ADeviceIsNeverPutAside) {
  RotatingLog log("/dev/null", {"h\n", {}}, {.max_bytes = 1, .old_files = 1});
  log.append("one\n");
  log.append("two\n");
  EXPECT_FALSE(std::filesystem::exists("/dev/null.1"));
}

TEST_F(Log, AFullDiskIsAnErrorThatNamesTheFile) {
  RotatingLog log("/dev/full", {"", any_line});
  try {
    log.append("one\n");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.message().en, testing::HasSubstr("/dev/full"));
    EXPECT_THAT(error.hint().en, testing::HasSubstr("free some space"));
  }
}

TEST_F(Log, AFolderThatDoesNotExistIsAnError) {
  EXPECT_THROW(RotatingLog(folder_.path() / "no" / "gpu.log", {"", any_line}), Error);
}

TEST_F(Log, IsNotAppendedToAFileThatBeginsOtherwise) {
  folder_.write("gpu.log", "my notes\n");
  EXPECT_THROW(RotatingLog(path_, {"header\n", {}}), Error);
  EXPECT_EQ(read("gpu.log"), "my notes\n");
}

TEST_F(Log, WithoutAHeaderTheFirstLineDecides) {
  const LogKind kind{"", [](std::string_view line) { return line.starts_with("tick "); }};
  folder_.write("gpu.log", "thesis\ntick 1\n");
  EXPECT_THROW(RotatingLog(path_, kind), Error);
  EXPECT_EQ(read("gpu.log"), "thesis\ntick 1\n");
  folder_.write("gpu.log", "tick 1\n");
  RotatingLog(path_, kind).append("tick 2\n");
  EXPECT_EQ(read("gpu.log"), "tick 1\ntick 2\n");
}

TEST_F(Log, HalfALineOfAnEarlierProgramIsEnded) {
  folder_.write("gpu.log", "h\nhalf");
  RotatingLog(path_, {"h\n", {}}).append("whole\n");
  EXPECT_EQ(read("gpu.log"), "h\nhalf\nwhole\n");
}

TEST_F(Log, SomebodyElsesFileWithTheNameOfAnOldOneStaysWhereItIs) {
  folder_.write("gpu.log.2", "thesis\n");
  RotatingLog log(path_, {"h\n", {}}, {.max_bytes = 6, .old_files = 2});
  for (const char* line : {"123\n", "456\n", "789\n"}) log.append(line);
  EXPECT_EQ(read("gpu.log.2"), "thesis\n");
  EXPECT_EQ(read("gpu.log"), "h\n123\n456\n789\n") << "it grows on instead";
}

TEST_F(Log, TwoThatShareAFilePutItAsideOnceAndLoseNoRecord) {
  RotatingLog one(path_, {"h\n", {}}, {.max_bytes = 10, .old_files = 9});
  RotatingLog two(path_, {"h\n", {}}, {.max_bytes = 10, .old_files = 9});
  for (const char* line : {"1a\n", "2a\n", "3a\n", "4a\n"}) {
    one.append(line);
    two.append("b" + std::string(line).substr(1));
  }
  EXPECT_EQ(read("gpu.log.3"), "h\n1a\nba\n");
  EXPECT_EQ(read("gpu.log.2"), "h\n2a\nba\n");
  EXPECT_EQ(read("gpu.log.1"), "h\n3a\nba\n");
  EXPECT_EQ(read("gpu.log"), "h\n4a\nba\n");
}

TEST_F(Log, AFileThatAnotherProgramLocksForGoodIsWrittenToAllTheSame) {
  RotatingLog log(path_, {"h\n", {}}, {.max_bytes = 4, .old_files = 1});
  const Descriptor other(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  log.append("1\n");
  log.append("2\n");
  EXPECT_EQ(read("gpu.log"), "h\n1\n2\n") << "and is not put aside";
}

TEST_F(Log, ALinkOfOursIsFollowedAndOneOfAnotherUserIsNot) {
  folder_.write("real.log", "h\n");
  std::filesystem::create_symlink("real.log", path_);
  RotatingLog(path_, {"h\n", {}}, {.max_bytes = 0}).append("1\n");
  EXPECT_EQ(read("real.log"), "h\n1\n");
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a link of another user";
  constexpr uid_t kAnother = 12345;
  ASSERT_EQ(::lchown(path_.c_str(), kAnother, kAnother), 0);
  try {
    RotatingLog log(path_, {"h\n", {}});
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.message().en, testing::HasSubstr("is a link of another user (uid 12345)"));
  }
  EXPECT_EQ(read("real.log"), "h\n1\n");
}

TEST_F(Log, AFifoInItsPlaceIsAnErrorWhenItIsOpenedAnewAndTheLogGoesOnLater) {
  RotatingLog log(path_, {"h\n", {}});
  std::filesystem::remove(path_);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  log.reopen();
  EXPECT_THROW(log.append("1\n"), Error);
  std::filesystem::remove(path_);
  log.append("2\n");
  EXPECT_EQ(read("gpu.log"), "h\n2\n");
}

TEST_F(Log, APipeThatNobodyReadsIsNamedInPlaceOfBeingWaitedFor) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  try {
    RotatingLog log(path_, {"h\n", {}});
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.message().en, testing::HasSubstr("nobody reads this pipe"));
  }
}

TEST_F(Log, APipeWithAReaderGetsTheHeaderOnce) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  const Descriptor reader(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  RotatingLog log(path_, {"h\n", {}}, {.max_bytes = 1, .old_files = 1});
  log.append("1\n");
  log.append("2\n");
  std::string got(100, '\0');
  got.resize(static_cast<std::size_t>(std::max<ssize_t>(::read(reader.get(), got.data(), got.size()), 0)));
  EXPECT_EQ(got, "h\n1\n2\n");
}

TEST_F(Log, AFolderWithTheNameOfAnOldFileStaysWhereItIs) {
  folder_.write("gpu.log.1/kept", "x");
  RotatingLog log(path_, {"h\n", {}}, {.max_bytes = 6, .old_files = 2});
  for (const char* line : {"123\n", "456\n"}) log.append(line);
  EXPECT_EQ(read("gpu.log"), "h\n123\n456\n") << "it grows on instead";
  EXPECT_EQ(read("gpu.log.1/kept"), "x");
}

}  // namespace
}  // namespace wring
