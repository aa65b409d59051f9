#include "wring/monitor/live/view_signals.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace wring::live {
namespace {

std::atomic<int> wake_descriptor{-1};
std::atomic<bool> stop_asked{false};
std::atomic<bool> went_on{false};

constexpr std::array kSignals = {SIGTSTP, SIGCONT, SIGWINCH};
std::array<struct sigaction, kSignals.size()> found_actions{};

void wake_up(int descriptor) {
  const std::uint64_t one = 1;
  // Full or closed: it is awake, or nobody waits.
  if (::write(descriptor, &one, sizeof one) < 0) {
  }
}

void on_signal(int signal) {
  const int kept = errno;
  if (signal == SIGTSTP) stop_asked = true;
  if (signal == SIGCONT) went_on = true;
  wake_up(wake_descriptor);
  errno = kept;
}

void handle(int signal) {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

ViewSignals::ViewSignals() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  wake_descriptor = descriptor_;
  stop_asked = false;
  went_on = false;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &found_actions[i]);
    // A shell without job control ignores SIGTSTP for its children; that stays.
    if (kSignals[i] != SIGTSTP || found_actions[i].sa_handler != SIG_IGN) handle(kSignals[i]);
  }
}

ViewSignals::~ViewSignals() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &found_actions[i], nullptr);
  wake_descriptor = -1;
  ::close(descriptor_);
}

void ViewSignals::wake() const {
  wake_up(descriptor_);
}

ViewSignals::Seen ViewSignals::take() const {
  std::uint64_t count = 0;
  // Empty: nothing came.
  if (::read(descriptor_, &count, sizeof count) < 0) {
  }
  return {stop_asked.exchange(false), went_on.exchange(false)};
}

void ViewSignals::stop_process() {
  std::signal(SIGTSTP, SIG_DFL);
  ::raise(SIGTSTP);  // returns when the process goes on, or at once where nobody could make it go on
  handle(SIGTSTP);
}

void ViewSignals::listen_here() {
  sigset_t others;
  ::sigfillset(&others);
  for (const int signal : kSignals) ::sigdelset(&others, signal);
  // In the background, touching the terminal must stop the process; blocked, these would let it through.
  ::sigdelset(&others, SIGTTOU);
  ::sigdelset(&others, SIGTTIN);
  // These are never somebody else's.
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::sigdelset(&others, fault);
  ::pthread_sigmask(SIG_SETMASK, &others, nullptr);
}

}  // namespace wring::live
