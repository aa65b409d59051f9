#include "wring/files/wait_notice.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/captured_waits.h"

namespace wring {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing_support::CapturedWaits;

TEST(WaitNotice, AWaitThatTakesLongIsSaidAgainAndAgainWithWhatIsLeftOfIt) {
  CapturedWaits waits;
  const WaitNotice notice({"waiting for the moon", "等待月亮"}, WaitNotice::Clock::now() + 290s);
  ASSERT_TRUE(waits.heard(3));
  for (const std::string& line : waits.lines()) {
    EXPECT_THAT(line, testing::AllOf(HasSubstr("waiting for the moon (0:"), HasSubstr(" so far, at most 4:")));
  }
}

TEST(WaitNotice, AWaitWithoutAnEndTellsNone) {
  CapturedWaits waits;
  const WaitNotice notice({"waiting for the moon", "等待月亮"});
  ASSERT_TRUE(waits.heard(1));
  EXPECT_THAT(waits.lines().front(), testing::EndsWith("so far)"));
}

TEST(WaitNotice, WhatIsWaitedForMayChange) {
  CapturedWaits waits;
  WaitNotice notice({"waiting for the moon", "等待月亮"});
  notice.now({"waiting for the sun", "等待太阳"});
  ASSERT_TRUE(waits.heard(2));
  EXPECT_THAT(waits.lines().back(), HasSubstr("waiting for the sun"));
}

TEST(WaitNotice, AShortWaitIsNotSaid) {
  CapturedWaits waits(1h);
  { const WaitNotice notice({"waiting for the moon", "等待月亮"}); }
  EXPECT_THAT(waits.lines(), testing::IsEmpty());
}

}  // namespace
}  // namespace wring
