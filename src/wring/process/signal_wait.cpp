#include "wring/process/signal_wait.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "wring/base/error.h"

namespace wring {
namespace {

using SteadyClock = std::chrono::steady_clock;

sigset_t set_of(const std::vector<int>& signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  return set;
}

// For poll(): rounded up, so that the deadline is reached when it returns.
int milliseconds_until(std::optional<SteadyClock::time_point> deadline) {
  if (!deadline) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - SteadyClock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

}  // namespace

SignalWait::SignalWait(const std::vector<int>& signals) {
  const sigset_t set = set_of(signals);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // One that is let through later has its default action, and not what the start of the program made of it.
  for (const int signal : signals) {
    if (!is_ignored(signal)) ::signal(signal, SIG_DFL);
  }
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (signals_ < 0 || wake_ < 0) {
    throw Error(ErrorCode::failed, std::string("cannot wait for signals: ") + std::strerror(errno),
                {"raise the limit of open files (ulimit -n)", "请提高打开文件数上限（ulimit -n）"});
  }
}

// The signals stay blocked: the process is about to end, and one that comes now must not cut its last words.
SignalWait::~SignalWait() {
  ::close(signals_);
  ::close(wake_);
}

std::optional<SignalWait::Seen> SignalWait::wait(std::optional<SteadyClock::time_point> deadline) {
  std::array<pollfd, 2> waits{{{signals_, POLLIN, 0}, {wake_, POLLIN, 0}}};
  ::poll(waits.data(), waits.size(), milliseconds_until(deadline));
  signalfd_siginfo info{};
  if (::read(signals_, &info, sizeof info) == sizeof info) {
    return Seen{static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL};
  }
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t taken = ::read(wake_, &count, sizeof count);
  return std::nullopt;
}

void SignalWait::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof one);
}

void SignalWait::let_interrupt_end() {
  // Its action is the default one, or that of whoever guards the terminal.
  const sigset_t set = set_of({SIGINT});
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace wring
