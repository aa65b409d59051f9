#include "wring/process/interrupt_watch.h"

#include <chrono>
#include <csignal>
#include <optional>
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

InterruptWatch::InterruptWatch(std::function<void()> on_first, std::function<bool(int signal)> pass_on)
    : signals_(signals_to_wait_for()),
      on_first_(std::move(on_first)),
      pass_on_(std::move(pass_on)),
      thread_([this] { watch(); }) {}

InterruptWatch::~InterruptWatch() {
  done_ = true;
  signals_.wake();
  thread_.join();
}

void InterruptWatch::watch() {
  using Clock = std::chrono::steady_clock;
  enum class Stop { none, fresh, old } stop = Stop::none;
  std::optional<Clock::time_point> old_at;
  while (!done_) {
    const auto seen = signals_.wait(old_at);
    if (old_at && Clock::now() >= *old_at) {
      stop = Stop::old;
      old_at.reset();
      // From here on SIGINT has its default action, for which one thread that does not block it is enough.
      if (!is_ignored(SIGINT)) SignalWait::let_interrupt_end();
    }
    if (!seen || (seen->signal == SIGINT && stop == Stop::fresh)) continue;  // a part of the first
    if (seen->signal == SIGINT && stop == Stop::old) std::raise(SIGINT);     // it came at that very moment
    const bool passed = pass_on_ && pass_on_(seen->signal);
    if (passed && seen->signal != SIGINT) continue;
    if (stop == Stop::none) {
      stop = Stop::fresh;
      old_at = Clock::now() + kOneStop;
    }
    if (interrupt() && !passed) on_first_();
  }
}

}  // namespace wring
