#pragma once
#include <cstddef>
#include <deque>
#include <mutex>
#include <vector>

#include "wring/telemetry/tick.h"

namespace wring {

// The last ticks, for plots. Written by the sampler's thread, read by any.
class History : public TickSink {
 public:
  explicit History(std::size_t capacity) : capacity_(capacity) {}

  void on_tick(const Tick& tick) override {
    const std::scoped_lock lock(mutex_);
    ticks_.push_back(tick);
    if (ticks_.size() > capacity_) ticks_.pop_front();
  }

  // The newest `count` ticks (all: 0), oldest first.
  std::vector<Tick> last(std::size_t count = 0) const {
    const std::scoped_lock lock(mutex_);
    const std::size_t take = count == 0 || count > ticks_.size() ? ticks_.size() : count;
    return {ticks_.end() - static_cast<std::ptrdiff_t>(take), ticks_.end()};
  }

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::deque<Tick> ticks_;
};

}  // namespace wring
