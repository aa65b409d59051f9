#include "wring_train/dist/host/rank_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wring/base/error.h"

namespace wring {
namespace {

using namespace std::chrono_literals;

TEST(WatchTimes, TheVariableSetsTheSeconds) {
  EXPECT_EQ(watch_times("").silence, WatchTimes().silence);
  EXPECT_EQ(watch_times("2.5").silence, 2500ms);
  EXPECT_EQ(watch_times("2.5").stall, 2500ms);
  EXPECT_EQ(watch_times("1").beat, 250ms);
  EXPECT_EQ(watch_times("1000000").silence, 1000000s);
}

TEST(WatchTimes, WhatIsNoNumberOfSecondsIsRefusedByTheVariablesName) {
  for (const char* wrong : {"nan", "-nan", "inf", "-inf", "0", "0.5", "-5", "1e300", "1000001", "5s", "5 ", " 5",
                            "0x10", "five", "1,5", "٣"}) {
    try {
      watch_times(wrong);
      ADD_FAILURE() << wrong << " is taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      EXPECT_THAT(error.message().en,
                  testing::AllOf(testing::HasSubstr("WRING_RANK_TIMEOUT"), testing::HasSubstr(wrong)));
    }
  }
}

}  // namespace
}  // namespace wring
