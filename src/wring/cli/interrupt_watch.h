#pragma once
#include <atomic>
#include <functional>
#include <thread>

#include "wring/cli/signal_wait.h"

namespace wring {

// Ctrl-C (and SIGTERM) as a wish to end soon: the first one calls `on_first`, from a thread of its own; the second one
// ends the process at once. Threads and programs that are to be left alone by Ctrl-C are started after it.
class InterruptWatch {
 public:
  explicit InterruptWatch(std::function<void()> on_first);
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  bool interrupted() const { return interrupted_; }

 private:
  void watch();

  SignalWait signals_;
  std::function<void()> on_first_;
  std::atomic<bool> interrupted_ = false;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

}  // namespace wring
