#include "wring_train/train/stop_signal.h"

#include <csignal>
#include <thread>

#include <gtest/gtest.h>

#include "wring/process/signal_wait.h"

namespace wring {
namespace {

// timeout(1) signals its child, then the child's group.
TEST(StopSignal, TwoInterruptsAtOnceAreOneStop) {
  const StopSignal stop;
  EXPECT_FALSE(stop.requested());
  std::raise(SIGINT);
  std::raise(SIGINT);
  EXPECT_TRUE(stop.requested());
}

TEST(StopSignal, EveryWishToStopIsHeardAndWhatTheParentIgnoresIsNot) {
  for (const int signal : kStopSignals) {
    const StopSignal stop;
    std::raise(signal);
    EXPECT_TRUE(stop.requested()) << signal;
  }
  for (const int signal : {SIGHUP, SIGUSR1, SIGUSR2}) {
    std::signal(signal, SIG_IGN);
    {
      const StopSignal stop;
      std::raise(signal);
      EXPECT_FALSE(stop.requested()) << signal;
    }
    EXPECT_TRUE(is_ignored(signal)) << "and stays ignored";
    std::signal(signal, SIG_DFL);
  }
}

TEST(StopSignalDeathTest, ALaterSecondInterruptEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const StopSignal stop;
        std::raise(SIGINT);
        std::this_thread::sleep_for(kOneStop + std::chrono::milliseconds(50));
        std::raise(SIGINT);
      },
      testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace wring
