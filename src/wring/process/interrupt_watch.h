#pragma once
#include <atomic>
#include <functional>
#include <thread>

#include "wring/process/signal_wait.h"

namespace wring {

// Ctrl-C and the other kStopSignals as a wish to end soon: the first one calls `on_first`, from a thread of its own; a
// second Ctrl-C, kOneStop or more later, ends the process at once. What was ignored at the start stays so, save
// SIGTERM. Threads and programs that are to be left alone by Ctrl-C are started after it.
class InterruptWatch {
 public:
  // `pass_on`, if any, is asked about each signal first, from the same thread. What it has passed on is no wish to end
  // this process; but a second Ctrl-C still ends it.
  explicit InterruptWatch(std::function<void()> on_first, std::function<bool(int signal)> pass_on = {});
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  bool interrupted() const { return interrupted_; }

  // As a signal would, without a word. False where that was done before.
  bool interrupt() { return !interrupted_.exchange(true); }

 private:
  void watch();

  SignalWait signals_;
  std::function<void()> on_first_;
  std::function<bool(int signal)> pass_on_;
  std::atomic<bool> interrupted_ = false;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

}  // namespace wring
