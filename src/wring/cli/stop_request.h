#pragma once
#include <atomic>
#include <functional>
#include <mutex>

namespace wring {

// A wish to stop that comes from another thread, perhaps before there is anything to stop.
class StopRequest {
 public:
  void request() {
    const std::lock_guard lock(mutex_);
    requested_ = true;
    if (stop_) stop_();
  }
  bool requested() const { return requested_; }

  // What request() calls from then on. It must not block. nullptr: nothing any more.
  void on_request(std::function<void()> stop) {
    const std::lock_guard lock(mutex_);
    stop_ = std::move(stop);
    if (requested_ && stop_) stop_();
  }

 private:
  std::mutex mutex_;
  std::atomic<bool> requested_ = false;
  std::function<void()> stop_;
};

}  // namespace wring
