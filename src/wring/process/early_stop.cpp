#include "wring/process/early_stop.h"

#include <atomic>
#include <cstring>

#include <signal.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring/process/signal_wait.h"

namespace wring {
namespace {

std::atomic<const char*> last_words{nullptr};

extern "C" void end_now(int /*signal*/) {
  if (const char* words = last_words) {
    // Where it cannot be shown, nobody can be told.
    if (::write(STDERR_FILENO, words, std::strlen(words)) < 0) {
    }
  }
  ::_exit(static_cast<int>(ErrorCode::interrupted));
}

sigset_t stop_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : kStopSignals) ::sigaddset(&set, signal);
  return set;
}

}  // namespace

void end_on_stop_signals(const CommonOptions& options) {
  last_words = options.quiet ? nullptr : options.language == Language::zh ? "已中断\n" : "interrupted\n";
  struct sigaction action {};
  action.sa_handler = end_now;
  ::sigfillset(&action.sa_mask);
  for (const int signal : kStopSignals) {
    if (!is_ignored(signal)) ::sigaction(signal, &action, nullptr);
  }
  const sigset_t set = stop_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void hold_stop_signals() {
  sigset_t set = stop_signals();
  ::sigdelset(&set, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

}  // namespace wring
