#include "wring/base/clock.h"

#include <cmath>

#include <gtest/gtest.h>

namespace wring {
namespace {

using namespace std::chrono_literals;

TEST(Clock, SecondsBetweenMomentsHaveASign) {
  const SteadyClock::time_point moment = SteadyClock::now();
  EXPECT_DOUBLE_EQ(seconds_between(moment, moment + 1500ms), 1.5);
  EXPECT_DOUBLE_EQ(seconds_between(moment + 1500ms, moment), -1.5);
}

TEST(Clock, TimePassesForwards) {
  const double before = steady_seconds();
  const auto start = SteadyClock::now();
  EXPECT_GE(seconds_since(start), 0);
  EXPECT_GE(steady_seconds(), before);
}

TEST(Clock, ADurationIsItsSeconds) {
  EXPECT_EQ(steady_duration(0.25), 250ms);
  EXPECT_EQ(steady_duration(-2), -2s);
}

TEST(Clock, BothTimesOfDayAreOne) {
  const double seconds = unix_seconds();
  const std::int64_t ms = unix_ms();
  EXPECT_GE(ms, std::floor(seconds * 1000));
  EXPECT_GE(unix_seconds() * 1000 + 1, static_cast<double>(ms));
}

}  // namespace
}  // namespace wring
