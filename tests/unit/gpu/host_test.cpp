#include "wring/gpu/host.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "fixtures/temporary_folder.h"

namespace wring {
namespace {

using testing_support::TemporaryFolder;

// Fields of a cpu line: user nice system idle iowait irq softirq steal guest guest_nice
TEST(HostSampler, SharesAreOfTheTimeSinceThePreviousSample) {
  const TemporaryFolder root;
  HostSampler sampler(root.path());
  root.write("proc/stat",
             "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 50 0 50 400 0 0 0 0 0 0\ncpu1 50 0 50 400 0 0 0 0 0 0\n");
  const HostSample first = sampler.sample();
  EXPECT_FALSE(first.cpu_percent) << "one sample has no window";
  EXPECT_FALSE(first.iowait_percent);
  EXPECT_FALSE(first.busiest_core_percent);
  // Of 200 ticks: 90 user, 10 system, 60 idle, 40 iowait. Core 1 alone did 95 of its 100.
  root.write("proc/stat",
             "cpu  190 0 110 860 40 0 0 0 0 0\ncpu0 55 0 50 455 40 0 0 0 0 0\ncpu1 135 0 60 405 0 0 0 0 0 0\nintr 7\n");
  const HostSample second = sampler.sample();
  ASSERT_TRUE(second.cpu_percent && second.iowait_percent && second.busiest_core_percent);
  EXPECT_DOUBLE_EQ(*second.cpu_percent, 50);
  EXPECT_DOUBLE_EQ(*second.iowait_percent, 20);
  EXPECT_DOUBLE_EQ(*second.busiest_core_percent, 95);
}

TEST(HostSampler, GuestTimeIsNotCountedTwice) {
  const TemporaryFolder root;
  HostSampler sampler(root.path());
  root.write("proc/stat", "cpu  0 0 0 0 0 0 0 0 0 0\n");
  sampler.sample();
  root.write("proc/stat", "cpu  50 0 0 50 0 0 0 0 50 0\n");
  EXPECT_EQ(sampler.sample().cpu_percent, 50);
}

TEST(HostSampler, AnIdleCounterThatRunsBackwardsGivesNoNegativeShare) {
  const TemporaryFolder root;
  HostSampler sampler(root.path());
  root.write("proc/stat", "cpu  100 0 0 500 90 0 0 0\n");
  sampler.sample();
  root.write("proc/stat", "cpu  120 0 0 510 80 0 0 0\n");
  const HostSample sample = sampler.sample();
  EXPECT_EQ(sample.iowait_percent, 0);
  EXPECT_EQ(sample.cpu_percent, 50) << "20 ticks passed by the totals, 10 of them idle";
}

TEST(HostSampler, WithoutProgressOrWithoutProcThereIsNoShare) {
  const TemporaryFolder root;
  HostSampler sampler(root.path());
  EXPECT_FALSE(sampler.sample().cpu_percent);
  root.write("proc/stat", "cpu  1 1 1 1 1 1 1 1\n");
  sampler.sample();
  EXPECT_FALSE(sampler.sample().cpu_percent) << "no tick passed";
}

TEST(HostSampler, ACoreThatComesOnlineHasNoWindowYet) {
  const TemporaryFolder root;
  HostSampler sampler(root.path());
  root.write("proc/stat", "cpu  0 0 0 0\ncpu0 0 0 0 0\n");
  sampler.sample();
  root.write("proc/stat", "cpu  10 0 0 90\ncpu0 10 0 0 90\ncpu1 999 0 0 0\n");
  EXPECT_EQ(sampler.sample().busiest_core_percent, 10);
}

TEST(HostSampler, UsedMemoryIsWhatCannotBeHadAnyMore) {
  const TemporaryFolder root;
  root.write("proc/meminfo", "MemTotal:       16384000 kB\nMemFree: 1000 kB\nMemAvailable:   12288000 kB\n");
  const HostSample sample = HostSampler(root.path()).sample();
  EXPECT_EQ(sample.memory_total_mib, 16000);
  EXPECT_EQ(sample.memory_used_mib, 4000);
  const TemporaryFolder empty;
  EXPECT_FALSE(HostSampler(empty.path()).sample().memory_total_mib);
}

TEST(HostSampler, DiskReadsAreCountedOnceAtThePhysicalDisk) {
  const TemporaryFolder root;
  root.write("sys/block/nvme0n1/device/model", "disk\n");
  root.write("sys/block/dm-0/size", "0\n");
  const auto diskstats = [&](int sectors) {
    const std::string reads = std::to_string(sectors);
    root.write("proc/diskstats", " 259 0 nvme0n1 5 0 " + reads + " 7 0 0 0 0\n 259 1 nvme0n1p1 5 0 " + reads +
                                     " 7 0 0 0 0\n 253 0 dm-0 5 0 " + reads + " 7 0 0 0 0\n");
  };
  HostSampler sampler(root.path());
  diskstats(1000);
  const HostSample first = sampler.sample();
  EXPECT_FALSE(first.disk_read_mib_s);
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  diskstats(1000 + 2048 * 100);  // 100 MiB
  const HostSample second = sampler.sample();
  ASSERT_TRUE(second.disk_read_mib_s);
  EXPECT_NEAR(*second.disk_read_mib_s * (second.time_s - first.time_s), 100, 1e-6);
}

}  // namespace
}  // namespace wring
