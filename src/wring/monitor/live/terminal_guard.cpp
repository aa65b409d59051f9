#include "wring/monitor/live/terminal_guard.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <signal.h>
#include <termios.h>
#include <unistd.h>

namespace wring::live {
namespace {

// What a signal handler needs, in place before the first one can run.
std::atomic<bool> guarded{false};
std::array<char, 255> restore_sequence{};
std::size_t restore_size = 0;
termios found_modes{};

constexpr std::array kSignals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT, SIGINT, SIGTERM, SIGHUP};
std::array<struct sigaction, kSignals.size()> found_actions{};

void restore_and_die(int signal) {
  restore_terminal_now();
  ::raise(signal);  // the action is the default one by now (SA_RESETHAND): it takes effect on return
}

}  // namespace

void restore_terminal_now() {
  if (!guarded.exchange(false)) return;
  const int kept = errno;
  // Nothing can be done where this fails.
  if (::write(STDOUT_FILENO, restore_sequence.data(), restore_size) < 0) {
  }
  ::tcsetattr(STDIN_FILENO, TCSANOW, &found_modes);
  errno = kept;
}

TerminalGuard::TerminalGuard(std::string_view sequence, const termios& modes) {
  restore_size = std::min(sequence.size(), restore_sequence.size());
  std::copy_n(sequence.begin(), restore_size, restore_sequence.begin());
  found_modes = modes;
  guarded = true;
  static const int at_exit = std::atexit(restore_terminal_now);
  static_cast<void>(at_exit);
  struct sigaction action {};
  action.sa_handler = restore_and_die;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &found_actions[i]);
    if (found_actions[i].sa_handler == SIG_DFL) ::sigaction(kSignals[i], &action, nullptr);
  }
}

TerminalGuard::~TerminalGuard() {
  guarded = false;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    struct sigaction now {};
    ::sigaction(kSignals[i], nullptr, &now);
    if (now.sa_handler == restore_and_die) ::sigaction(kSignals[i], &found_actions[i], nullptr);
  }
}

}  // namespace wring::live
