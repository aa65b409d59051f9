#include "wring/doctor/disk.h"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "fixtures/temporary_folder.h"

namespace wring {
namespace {

using testing_support::TemporaryFolder;

constexpr double kFileMib = 64;

TEST(Disk, IsMeasuredInTheNearestFolderThatExistsAndLeavesNothing) {
  const TemporaryFolder folder;
  const DiskFacts disk = measure_disk(folder.path() / "experiments/run");
  EXPECT_EQ(disk.folder, folder.path());
  EXPECT_EQ(disk.problem, "");
  EXPECT_TRUE(disk.write_mib_s.has_value());
  EXPECT_TRUE(disk.read_mib_s.has_value());
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Disk, ItsRatesAreTheFilesSizeOverTheTimeThatEachTook) {
  const TemporaryFolder folder;
  // Two seconds of writing, five in which nothing is measured, half a second of reading.
  const std::vector<double> seconds = {100, 102, 107, 107.5};
  std::size_t asked = 0;
  const DiskFacts disk = measure_disk(folder.path(), [&] {
    return std::chrono::steady_clock::time_point(
        std::chrono::milliseconds(static_cast<int>(1000 * seconds.at(asked++))));
  });
  EXPECT_EQ(disk.write_mib_s, kFileMib / 2);
  EXPECT_EQ(disk.read_mib_s, kFileMib / 0.5);
}

// MiB that this process has passed to write(), or got from read().
double passed_mib(const std::string& counter) {
  std::ifstream in("/proc/self/io");
  std::string name;
  for (double bytes = 0; in >> name >> bytes;) {
    if (name == counter) return bytes / (1 << 20);
  }
  return -1;
}

TEST(Disk, BetweenTheLooksAtTheClockTheWholeFileIsWrittenAndRead) {
  if (passed_mib("wchar:") < 0) GTEST_SKIP() << "this kernel does not count what a process reads and writes";
  const TemporaryFolder folder;
  std::vector<double> written, read;
  measure_disk(folder.path(), [&] {
    written.push_back(passed_mib("wchar:"));
    read.push_back(passed_mib("rchar:"));
    return std::chrono::steady_clock::now();
  });
  ASSERT_EQ(written.size(), 4u);
  EXPECT_NEAR(written[1] - written[0], kFileMib, 1);
  EXPECT_NEAR(read[3] - read[2], kFileMib, 1);
}

TEST(Disk, ItsFreeSpaceIsThatOfTheFileSystem) {
  const TemporaryFolder folder;
  const auto free_mib = [&] {
    return static_cast<double>(std::filesystem::space(folder.path()).available) / (1 << 20);
  };
  const double before = free_mib();
  const DiskFacts disk = measure_disk(folder.path());
  ASSERT_TRUE(disk.free_mib.has_value());
  // Others write to the same disk meanwhile.
  EXPECT_GT(static_cast<double>(*disk.free_mib), 0.5 * std::min(before, free_mib()));
  EXPECT_LT(static_cast<double>(*disk.free_mib), 2 * std::max(before, free_mib()) + 1);
}

TEST(Disk, WhereNothingCanBeWrittenTheReasonIsGivenAndNoRate) {
  const DiskFacts disk = measure_disk("/proc/experiments");
  EXPECT_NE(disk.problem, "");
  EXPECT_FALSE(disk.write_mib_s.has_value());
  EXPECT_FALSE(disk.read_mib_s.has_value());
}

TEST(Disk, OneThatTakesNoMoreSaysSoAndHasNoRate) {
  // /dev/full would do, but it is no folder; a small file system needs rights that a test may lack.
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit little { 1 << 20, before.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &little), 0);
  const TemporaryFolder folder;
  const DiskFacts disk = measure_disk(folder.path());
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(disk.problem, "File too large");
  EXPECT_FALSE(disk.write_mib_s.has_value());
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace wring
