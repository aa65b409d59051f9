#include "wring/base/control_group.h"

#include <gtest/gtest.h>

#include "fixtures/temporary_folder.h"

namespace wring {
namespace {

using testing_support::TemporaryFolder;

TEST(ControlGroup, OfVersion2TheTightestLevelCounts) {
  TemporaryFolder root;
  root.write("proc/self/cgroup", "0::/job.slice/run\n");
  root.write("sys/fs/cgroup/job.slice/cpu.max", "150000 100000\n");
  root.write("sys/fs/cgroup/job.slice/run/cpu.max", "max 100000\n");
  root.write("sys/fs/cgroup/job.slice/memory.max", "8589934592\n");
  root.write("sys/fs/cgroup/job.slice/run/memory.max", "4294967296\n");
  const ControlGroupLimits limits = control_group_limits(root.path());
  EXPECT_EQ(limits.cpu_cores, 1.5);
  EXPECT_EQ(limits.memory_bytes, 4294967296);
}

TEST(ControlGroup, OfVersion1EachControllerHasItsOwnFolder) {
  TemporaryFolder root;
  root.write("proc/self/cgroup", "4:memory:/docker/a\n2:cpu,cpuacct:/docker/a\n0::/\n");
  root.write("sys/fs/cgroup/memory/docker/a/memory.limit_in_bytes", "2147483648\n");
  root.write("sys/fs/cgroup/cpu/docker/a/cpu.cfs_quota_us", "400000\n");
  root.write("sys/fs/cgroup/cpu/docker/a/cpu.cfs_period_us", "100000\n");
  const ControlGroupLimits limits = control_group_limits(root.path());
  EXPECT_EQ(limits.cpu_cores, 4.0);
  EXPECT_EQ(limits.memory_bytes, 2147483648);
}

TEST(ControlGroup, InAContainerTheHierarchysOwnFolderCounts) {
  TemporaryFolder root;
  root.write("proc/self/cgroup", "0::/path/of/the/host\n");
  root.write("sys/fs/cgroup/memory.max", "1073741824\n");
  EXPECT_EQ(control_group_limits(root.path()).memory_bytes, 1073741824);
}

TEST(ControlGroup, WithoutLimitsOrWithRubbishThereIsNone) {
  TemporaryFolder root;
  EXPECT_FALSE(control_group_limits(root.path()).memory_bytes.has_value());
  root.write("proc/self/cgroup", "rubbish\n4:memory:/\n2:cpu:/\n0::/\n");
  root.write("sys/fs/cgroup/memory.max", "max\n");
  root.write("sys/fs/cgroup/cpu.max", "rubbish\n");
  root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  root.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  root.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  const ControlGroupLimits limits = control_group_limits(root.path());
  EXPECT_FALSE(limits.memory_bytes.has_value());
  EXPECT_FALSE(limits.cpu_cores.has_value());
}

}  // namespace
}  // namespace wring
