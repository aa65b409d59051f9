#include "wring/monitor/rotating_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/temporary_folder.h"
#include "wring/base/error.h"
#include "wring/base/files.h"

namespace wring {
namespace {

using testing_support::TemporaryFolder;

class Log : public testing::Test {
 protected:
  std::string read(const std::string& name) const { return read_file(folder_.path() / name); }
  bool exists(const std::string& name) const { return std::filesystem::exists(folder_.path() / name); }
  TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_.path() / "gpu.log";
};

TEST_F(Log, AppendsToWhatIsThereAndHeadsOnlyWhatIsEmpty) {
  { RotatingLog(path_, "header\n").append("one\n"); }
  { RotatingLog(path_, "header\n").append("two\n"); }
  EXPECT_EQ(read("gpu.log"), "header\none\ntwo\n");
}

TEST_F(Log, IsPutAsideBeforeItGrowsBeyondItsSize) {
  RotatingLog log(path_, "h\n", {.max_bytes = 10, .old_files = 2});
  for (const char* line : {"1234\n", "56\n", "78\n", "9abc\n", "def\n", "last\n"}) log.append(line);
  EXPECT_EQ(read("gpu.log"), "h\nlast\n");
  EXPECT_EQ(read("gpu.log.1"), "h\ndef\n");
  EXPECT_EQ(read("gpu.log.2"), "h\n78\n9abc\n") << "ten bytes, and not one more";
  EXPECT_FALSE(exists("gpu.log.3"));
}

TEST_F(Log, ARecordLargerThanAFileStaysWhole) {
  RotatingLog log(path_, "", {.max_bytes = 4, .old_files = 1});
  log.append("a long record\n");
  log.append("b\n");
  EXPECT_EQ(read("gpu.log.1"), "a long record\n");
  EXPECT_EQ(read("gpu.log"), "b\n");
}

TEST_F(Log, WithoutOldFilesItStartsAgain) {
  RotatingLog log(path_, "h\n", {.max_bytes = 6, .old_files = 0});
  log.append("123\n");
  log.append("456\n");
  EXPECT_EQ(read("gpu.log"), "h\n456\n");
  EXPECT_FALSE(exists("gpu.log.1"));
}

TEST_F(Log, SizeZeroMeansNoLimit) {
  RotatingLog log(path_, "", {.max_bytes = 0, .old_files = 1});
  for (int i = 0; i < 100; ++i) log.append("a line that is repeated\n");
  EXPECT_FALSE(exists("gpu.log.1"));
}

TEST_F(Log, OpensItsPathAnewWhenAskedTo) {
  RotatingLog log(path_, "h\n");
  log.append("one\n");
  std::filesystem::rename(path_, folder_.path() / "moved");
  log.append("two\n");
  log.reopen();
  log.append("three\n");
  EXPECT_EQ(read("moved"), "h\none\ntwo\n");
  EXPECT_EQ(read("gpu.log"), "h\nthree\n");
}

TEST_F(Log, ADeviceIsNeverPutAside) {
  RotatingLog log("/dev/null", "h\n", {.max_bytes = 1, .old_files = 1});
  log.append("one\n");
  log.append("two\n");
  EXPECT_FALSE(std::filesystem::exists("/dev/null.1"));
}

TEST_F(Log, AFullDiskIsAnErrorThatNamesTheFile) {
  RotatingLog log("/dev/full", "");
  try {
    log.append("one\n");
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.message().en, testing::HasSubstr("/dev/full"));
    EXPECT_THAT(error.hint().en, testing::HasSubstr("free some space"));
  }
}

TEST_F(Log, AFolderThatDoesNotExistIsAnError) {
  EXPECT_THROW(RotatingLog(folder_.path() / "no" / "gpu.log", ""), Error);
}

TEST_F(Log, IsNotAppendedToAFileThatBeginsOtherwise) {
  folder_.write("gpu.log", "my notes\n");
  EXPECT_THROW(RotatingLog(path_, "header\n"), Error);
  EXPECT_EQ(read("gpu.log"), "my notes\n");
}

TEST_F(Log, AFolderWithTheNameOfAnOldFileStaysWhereItIs) {
  folder_.write("gpu.log.1/kept", "x");
  RotatingLog log(path_, "h\n", {.max_bytes = 6, .old_files = 2});
  for (const char* line : {"123\n", "456\n"}) log.append(line);
  EXPECT_EQ(read("gpu.log"), "h\n123\n456\n") << "it grows on instead";
  EXPECT_EQ(read("gpu.log.1/kept"), "x");
}

}  // namespace
}  // namespace wring
