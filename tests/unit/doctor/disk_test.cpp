#include "wring/doctor/disk.h"

#include <gtest/gtest.h>

#include "fixtures/temporary_folder.h"

namespace wring {
namespace {

using testing_support::TemporaryFolder;

TEST(Disk, IsMeasuredInTheNearestFolderThatExistsAndLeavesNothing) {
  const TemporaryFolder folder;
  const DiskFacts disk = measure_disk(folder.path() / "experiments/run");
  EXPECT_EQ(disk.folder, folder.path());
  EXPECT_EQ(disk.problem, "");
  EXPECT_TRUE(disk.free_mib.has_value());
  EXPECT_GT(disk.write_mib_s.value_or(0), 0);
  EXPECT_GT(disk.read_mib_s.value_or(0), 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Disk, WhereNothingCanBeWrittenTheReasonIsGiven) {
  EXPECT_NE(measure_disk("/proc/experiments").problem, "");
}

}  // namespace
}  // namespace wring
