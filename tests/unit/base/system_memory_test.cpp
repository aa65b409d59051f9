#include "wring/base/system_memory.h"

#include <gtest/gtest.h>

#include "fixtures/temporary_folder.h"

namespace wring {
namespace {

using testing_support::TemporaryFolder;

constexpr std::int64_t kGib = std::int64_t{1} << 30;

class SystemMemoryTest : public testing::Test {
 protected:
  void SetUp() override {
    root_.write("proc/meminfo", "MemTotal:       16777216 kB\nMemFree: 1000 kB\nMemAvailable:   8388608 kB\n");
    root_.write("proc/self/status", "Name:\twring\nVmRSS:\t 1048576 kB\n");
  }
  void limit(std::int64_t bytes) {
    root_.write("proc/self/cgroup", "0::/\n");
    root_.write("sys/fs/cgroup/memory.max", std::to_string(bytes) + "\n");
  }
  TemporaryFolder root_;
};

TEST_F(SystemMemoryTest, IsWhatTheKernelSays) {
  EXPECT_EQ(system_memory(root_.path()).total_kib, 16777216);
  EXPECT_EQ(system_memory(root_.path()).available_kib, 8388608);
  EXPECT_EQ(available_memory_bytes(root_.path()), 8 * kGib);
}

TEST_F(SystemMemoryTest, OfAContainerEndsAtItsLimit) {
  limit(4 * kGib);
  EXPECT_EQ(available_memory_bytes(root_.path()), 3 * kGib);  // this process has one already
  limit(32 * kGib);
  EXPECT_EQ(available_memory_bytes(root_.path()), 8 * kGib);
  limit(kGib / 2);
  EXPECT_EQ(available_memory_bytes(root_.path()), 0);
}

TEST_F(SystemMemoryTest, IsNotKnownWithoutProc) {
  const TemporaryFolder nothing;
  EXPECT_FALSE(system_memory(nothing.path()).total_kib);
  EXPECT_FALSE(available_memory_bytes(nothing.path()));
}

}  // namespace
}  // namespace wring
