#include "wring/cli/interrupt_watch.h"

#include <csignal>
#include <vector>

namespace wring {
namespace {

std::vector<int> signals_to_wait_for() {
  if (is_ignored(SIGINT)) return {SIGTERM};
  return {SIGINT, SIGTERM};
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
    if (interrupted_.exchange(true)) continue;
    // From here on the signal has its default action, for which one thread that does not block it is enough.
    if (!is_ignored(SIGINT)) SignalWait::let_interrupt_end();
    on_first_();
  }
}

}  // namespace wring
