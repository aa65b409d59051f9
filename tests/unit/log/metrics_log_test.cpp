#include "wring_train/log/metrics_log.h"

#include <fstream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring/files/files.h"

namespace wring {
namespace {
namespace fs = std::filesystem;

class Metrics : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("wring_metrics_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    path_ = folder_ / "metrics.jsonl";
    opened_ = std::make_shared<const Folder>(Folder::open(folder_));
  }
  void TearDown() override { fs::remove_all(folder_); }
  void given(const std::string& content) { std::ofstream(path_, std::ios::binary) << content; }

  fs::path folder_;
  fs::path path_;
  std::shared_ptr<const Folder> opened_;
};

TEST_F(Metrics, EachRecordIsALineAsSoonAsItIsWritten) {
  MetricsLog log(opened_, "metrics.jsonl");
  log.write({{"step", 1}, {"loss", 0.5}});
  EXPECT_EQ(read_file(path_), "{\"step\":1,\"loss\":0.5}\n");
  log.write({{"step", 2}, {"note", "two\nlines"}});
  EXPECT_EQ(read_file(path_), "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"note\":\"two\\nlines\"}\n");
}

TEST_F(Metrics, ANewRunEmptiesTheFile) {
  given("{\"step\":9}\n");
  MetricsLog log(opened_, "metrics.jsonl");
  log.write({{"step", 1}});
  EXPECT_EQ(read_file(path_), "{\"step\":1}\n");
}

TEST_F(Metrics, AResumedRunContinuesAfterItsStep) {
  given("{\"config\":\"a\"}\n{\"step\":10}\n{\"step\":20}\n{\"step\":30}\n{\"step\":20,\"psnr\":31.5}\n");
  MetricsLog log(opened_, "metrics.jsonl", 20);
  log.write({{"step", 21}});
  EXPECT_EQ(read_file(path_),
            "{\"config\":\"a\"}\n{\"step\":10}\n{\"step\":20}\n{\"step\":20,\"psnr\":31.5}\n{\"step\":21}\n");
}

TEST_F(Metrics, WhatIsMeasuredAgainAtTheStepItselfIsCutAwayToo) {
  given("{\"step\":10,\"psnr\":30}\n{\"step\":20,\"loss\":1}\n{\"step\":20,\"psnr\":31.5}\n");
  MetricsLog log(opened_, "metrics.jsonl", 20, "psnr");
  EXPECT_EQ(read_file(path_), "{\"step\":10,\"psnr\":30}\n{\"step\":20,\"loss\":1}\n");
}

TEST_F(Metrics, AHalfWrittenLastLineIsDropped) {
  given("{\"step\":10}\n{\"step\":11,\"lo");
  MetricsLog log(opened_, "metrics.jsonl", 20);
  log.write({{"step", 21}});
  EXPECT_EQ(read_file(path_), "{\"step\":10}\n{\"step\":21}\n");
}

TEST_F(Metrics, AWholeLastLineWithoutItsEndIsKept) {
  given("{\"step\":10}\n{\"step\":11}");
  MetricsLog log(opened_, "metrics.jsonl", 20);
  log.write({{"step", 21}});
  EXPECT_EQ(read_file(path_), "{\"step\":10}\n{\"step\":11}\n{\"step\":21}\n");
}

TEST_F(Metrics, ResumingWithoutAFileBeginsOne) {
  MetricsLog log(opened_, "metrics.jsonl", 20);
  log.write({{"step", 21}});
  EXPECT_EQ(read_file(path_), "{\"step\":21}\n");
}

TEST_F(Metrics, WhatJsonCannotSayIsNoError) {
  MetricsLog log(opened_, "metrics.jsonl");
  log.write({{"loss", std::numeric_limits<double>::quiet_NaN()}, {"name", "\xff"}});
  const auto record = nlohmann::json::parse(read_file(path_));
  EXPECT_TRUE(record.at("loss").is_null());
  EXPECT_EQ(record.at("name"), "\\x{ff}");
}

TEST_F(Metrics, AFileThatCannotBeWrittenIsNamed) {
  try {
    MetricsLog log(opened_, "missing/metrics.jsonl");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("missing/metrics.jsonl"));
  }
}

TEST_F(Metrics, AFifoWithoutAReaderIsNamedAndNotWaitedFor) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THROW(AppendFile(opened_, "metrics.jsonl"), Error);
  EXPECT_THROW(MetricsLog(opened_, "metrics.jsonl", 20), Error);
}

TEST_F(Metrics, AFolderThatIsMovedIsFollowed) {
  MetricsLog log(opened_, "metrics.jsonl");
  const fs::path moved = folder_.string() + "_moved";
  fs::rename(folder_, moved);
  log.write({{"step", 1}});
  EXPECT_EQ(read_file(moved / "metrics.jsonl"), "{\"step\":1}\n");
  fs::rename(moved, folder_);
}

TEST_F(Metrics, AFullDiskIsAnError) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  fs::create_symlink("/dev/full", path_);
  AppendFile file(opened_, "metrics.jsonl");
  EXPECT_THROW(file.append("x"), Error);
}

}  // namespace
}  // namespace wring
