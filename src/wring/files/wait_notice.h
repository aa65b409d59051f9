#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "wring/base/text.h"

namespace wring {

// How a program says what it waits for. Nothing is said as long as `say` is empty.
struct WaitSpeaker {
  std::function<void(const Text&)> say;    // called by the notice's thread
  std::chrono::milliseconds first{10000};  // of waiting, until it is said
  std::chrono::milliseconds again{30000};  // until it is said once more
};

// For all notices of this process that begin from now on.
void set_wait_speaker(WaitSpeaker speaker);

// While it lives the process waits for something. A wait that takes long is said, and said again, by a thread of its
// own: whatever call the caller waits in need not return for it.
class WaitNotice {
 public:
  using Clock = std::chrono::steady_clock;

  // `what`: "waiting for …". `until`: when the wait is given up; nullopt: never.
  explicit WaitNotice(Text what, std::optional<Clock::time_point> until = std::nullopt);
  ~WaitNotice();
  WaitNotice(const WaitNotice&) = delete;
  WaitNotice& operator=(const WaitNotice&) = delete;

  // What is waited for has changed; the time that is told goes on.
  void now(Text what);

 private:
  void run(const WaitSpeaker& speaker);
  Text line() const;

  const Clock::time_point began_ = Clock::now();
  const std::optional<Clock::time_point> until_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Text what_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace wring
