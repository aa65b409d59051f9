// Signals that ask to end: one wish, however often they come at once; a later Ctrl-C ends the process.
#include "wring/process/interrupt_watch.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include <gtest/gtest.h>
#include <unistd.h>

namespace wring {
namespace {

using namespace std::chrono_literals;

// In a process of its own: signals stay blocked in the thread that waited for them, and one of them ends it.
class InterruptWatchDeathTest : public testing::Test {
 protected:
  static void send(int signal) {
    ::kill(::getpid(), signal);
    std::this_thread::sleep_for(50ms);  // a signal that is pending is not counted twice
  }
  static bool holds(const std::atomic<int>& value, int wanted) {
    for (int i = 0; i < 200 && value != wanted; ++i) std::this_thread::sleep_for(10ms);
    return value == wanted;
  }
};

TEST_F(InterruptWatchDeathTest, ADoubledCtrlCIsOneWish) {
  const auto child = [] {
    std::atomic<int> asked = 0;
    const InterruptWatch watch([&] { ++asked; });
    send(SIGINT);
    send(SIGINT);
    const bool good = holds(asked, 1) && watch.interrupted();
    std::this_thread::sleep_for(kOneStop + 200ms);
    std::_Exit(good && asked == 1 ? 0 : 1);
  };
  EXPECT_EXIT(child(), testing::ExitedWithCode(0), "");
}

TEST_F(InterruptWatchDeathTest, ALaterCtrlCEndsTheProcess) {
  const auto child = [](int first) {
    const InterruptWatch watch([] {});
    send(first);
    std::this_thread::sleep_for(kOneStop + 200ms);
    send(SIGINT);
    std::this_thread::sleep_for(10s);
    std::_Exit(1);
  };
  EXPECT_EXIT(child(SIGINT), testing::KilledBySignal(SIGINT), "");
  EXPECT_EXIT(child(SIGTERM), testing::KilledBySignal(SIGINT), "");
}

TEST_F(InterruptWatchDeathTest, WhatIsPassedOnIsNoWishToEnd) {
  const auto child = [] {
    std::atomic<int> asked = 0;
    std::atomic<int> passed = 0;
    const auto pass_on = [&](int signal) {
      passed += signal;
      return true;
    };
    const InterruptWatch watch([&] { ++asked; }, pass_on);
    send(SIGUSR1);
    send(SIGTERM);
    send(SIGTERM);
    std::_Exit(holds(passed, SIGUSR1 + 2 * SIGTERM) && !watch.interrupted() && asked == 0 ? 0 : 1);
  };
  EXPECT_EXIT(child(), testing::ExitedWithCode(0), "");
}

TEST_F(InterruptWatchDeathTest, ACtrlCThatIsPassedOnStillLetsTheSecondEndTheProcess) {
  const auto child = [] {
    const InterruptWatch watch([] {}, [](int) { return true; });
    send(SIGINT);
    std::this_thread::sleep_for(kOneStop + 200ms);
    send(SIGINT);
    std::this_thread::sleep_for(10s);
    std::_Exit(1);
  };
  EXPECT_EXIT(child(), testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace wring
