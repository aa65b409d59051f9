#include "wring_train/measure/kernel_times.h"

#include <gtest/gtest.h>

namespace wring {
namespace {

KernelTimes busy_for(double us_per_step) {
  KernelTimes times;
  times.kernels = {{.name = "conv", .kind = KernelKind::product, .calls_per_step = 3, .us_per_step = us_per_step}};
  times.busy_us_per_step = us_per_step;
  times.span_us_per_step = 10 * us_per_step;  // under the profiler launches take longer
  return times;
}

TEST(KernelBusyPercent, IsAShareOfTheStepAsItRunsWithoutTheProfiler) {
  EXPECT_EQ(kernel_busy_percent(busy_for(500), 2), 25);
}

TEST(KernelBusyPercent, IsNeverMoreThanTheWholeStep) {
  EXPECT_EQ(kernel_busy_percent(busy_for(2100), 2), 100);
}

TEST(KernelBusyPercent, IsAbsentWhereTheProfilerSawNothing) {
  EXPECT_EQ(kernel_busy_percent(KernelTimes(), 2), std::nullopt);
}

}  // namespace
}  // namespace wring
