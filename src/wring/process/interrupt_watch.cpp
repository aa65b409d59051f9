#include "wring/process/interrupt_watch.h"

#include <csignal>
#include <vector>

namespace wring {
namespace {

std::vector<int> signals_to_wait_for() {
  std::vector<int> signals;
  for (const int signal : kStopSignals) {
    if (signal == SIGTERM || !is_ignored(signal)) signals.push_back(signal);
  }
  return signals;
}

}  // namespace

InterruptWatch::InterruptWatch(std::function<void()> on_first)
    : signals_(signals_to_wait_for()), on_first_(std::move(on_first)), thread_([this] { watch(); }) {}

InterruptWatch::~InterruptWatch() {
  done_ = true;
  signals_.wake();
  thread_.join();
}

void InterruptWatch::watch() {
  while (!done_) {
    if (!signals_.wait(std::nullopt)) continue;
    const bool first = interrupt();
    // From here on SIGINT has its default action, for which one thread that does not block it is enough.
    if (!is_ignored(SIGINT)) SignalWait::let_interrupt_end();
    if (first) on_first_();
  }
}

}  // namespace wring
