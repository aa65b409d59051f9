#include "wring/process/signal_wait.h"

#include <csignal>
#include <filesystem>
#include <functional>
#include <thread>

#include <gtest/gtest.h>
#include <pthread.h>

namespace wring {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// The signals stay blocked in the thread that waited for them, so each test has one of its own.
void in_a_thread(const std::function<void()>& test) {
  std::thread(test).join();
}

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

TEST(SignalWait, GivesEachSignalThatItWasMadeForAndWhoSentIt) {
  in_a_thread([] {
    SignalWait signals({SIGUSR1, SIGUSR2});
    ::pthread_kill(::pthread_self(), SIGUSR2);
    const auto seen = signals.wait(std::nullopt);
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->signal, SIGUSR2);
    EXPECT_FALSE(seen->from_terminal);
    EXPECT_FALSE(signals.wait(Clock::now())) << "each once";
  });
}

TEST(SignalWait, ReturnsAtItsDeadlineWithoutASignal) {
  in_a_thread([] {
    SignalWait signals({SIGUSR1});
    const auto deadline = Clock::now() + milliseconds(30);
    EXPECT_FALSE(signals.wait(deadline));
    EXPECT_GE(Clock::now(), deadline);
    EXPECT_FALSE(signals.wait(Clock::now() - std::chrono::hours(1)));
  });
}

TEST(SignalWait, IsWokenOnceByAWakeBeforeOrWhileItWaits) {
  in_a_thread([] {
    SignalWait signals({SIGUSR1});
    signals.wake();
    EXPECT_FALSE(signals.wait(std::nullopt));
    std::thread other([&] { signals.wake(); });
    EXPECT_FALSE(signals.wait(std::nullopt));
    other.join();
    const auto deadline = Clock::now() + milliseconds(20);
    EXPECT_FALSE(signals.wait(deadline));
    EXPECT_GE(Clock::now(), deadline) << "what woke it is used up";
  });
}

TEST(SignalWait, BlocksItsSignalsAndNoOthers) {
  in_a_thread([] {
    const SignalWait signals({SIGUSR1});
    sigset_t blocked;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    EXPECT_EQ(::sigismember(&blocked, SIGUSR1), 1);
    EXPECT_EQ(::sigismember(&blocked, SIGUSR2), 0);
    EXPECT_EQ(::sigismember(&blocked, SIGINT), 0);
  });
}

TEST(SignalWait, LetsAnInterruptEndTheProgramWhenAskedTo) {
  in_a_thread([] {
    const SignalWait signals({SIGINT, SIGTERM});
    SignalWait::let_interrupt_end();
    sigset_t blocked;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    EXPECT_EQ(::sigismember(&blocked, SIGINT), 0);
    EXPECT_EQ(::sigismember(&blocked, SIGTERM), 1);
  });
}

TEST(SignalWait, LeavesNoDescriptorOpen) {
  in_a_thread([] {
    const auto before = open_descriptors();
    { const SignalWait signals({SIGUSR1}); }
    EXPECT_EQ(open_descriptors(), before);
  });
}

TEST(IsIgnored, SaysWhatTheParentHadIgnored) {
  const auto before = std::signal(SIGUSR2, SIG_IGN);
  EXPECT_TRUE(is_ignored(SIGUSR2));
  std::signal(SIGUSR2, SIG_DFL);
  EXPECT_FALSE(is_ignored(SIGUSR2));
  std::signal(SIGUSR2, before);
}

}  // namespace
}  // namespace wring
