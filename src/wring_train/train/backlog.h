#pragma once
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include "wring/base/error.h"

namespace wring {

// Writes in their order, each once; after a failure they wait for the next try.
class Backlog {
 public:
  void add(std::function<void()> write) {
    // A disk that stays full for days must not fill the memory instead.
    constexpr std::size_t kMost = 20000;
    if (waiting_.size() == kMost) {
      waiting_.pop_front();
      ++lost_;
    }
    waiting_.push_back(std::move(write));
  }

  // The error that stopped it, if one did.
  std::optional<Error> flush() {
    try {
      for (; !waiting_.empty(); waiting_.pop_front()) waiting_.front()();
      return std::nullopt;
    } catch (const Error& error) {
      return error;
    }
  }

  std::size_t unwritten() const { return waiting_.size() + lost_; }

 private:
  std::deque<std::function<void()>> waiting_;
  std::size_t lost_ = 0;
};

}  // namespace wring
