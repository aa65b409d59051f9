#include "wring_train/run/stop_signal.h"

#include <csignal>

#include "wring/cli/signal_wait.h"

namespace wring {
namespace {

volatile std::sig_atomic_t stop_requested = 0;

extern "C" void on_stop(int signal) {
  if (stop_requested != 0 && signal == SIGINT) {
    std::signal(SIGINT, SIG_DFL);
    std::raise(SIGINT);
  }
  stop_requested = 1;
}

}  // namespace

StopSignal::StopSignal() : hangup_(!is_ignored(SIGHUP)) {
  stop_requested = 0;
  std::signal(SIGINT, on_stop);
  std::signal(SIGTERM, on_stop);
  if (hangup_) std::signal(SIGHUP, on_stop);
}

StopSignal::~StopSignal() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  if (hangup_) std::signal(SIGHUP, SIG_DFL);
}

bool StopSignal::requested() const {
  return stop_requested != 0;
}

}  // namespace wring
