#include "wring_train/dist/host/first_messages.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

namespace wring {
namespace {

using Clock = std::chrono::steady_clock;

// A rank's message comes with its connection. So who is still silent when so many are is given up for a newer one.
constexpr std::size_t kMostPending = 256;
constexpr int kMostAtOnce = 32;
// Between two tries where no descriptor is to be had for the connection that waits.
constexpr auto kPause = std::chrono::milliseconds(20);

int poll_time(Deadline until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
}

}  // namespace

std::optional<FirstMessages::Caller> FirstMessages::next(Deadline deadline) {
  while (true) {
    const Deadline now = Clock::now();
    std::erase_if(pending_, [now](const Pending& one) { return one.over || one.until <= now; });
    if (auto caller = take_whole()) return caller;
    if (now >= deadline) return std::nullopt;
    Deadline wake = deadline;
    std::vector<pollfd> waiting{{listener_.descriptor(), POLLIN, 0}};
    for (const Pending& one : pending_) {
      waiting.push_back({one.caller.connection.descriptor(), POLLIN, 0});
      wake = std::min(wake, one.until);
    }
    if (::poll(waiting.data(), waiting.size(), poll_time(wake)) <= 0) continue;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if (waiting[i + 1].revents != 0) read(pending_[i]);
    }
    if (waiting[0].revents != 0) accept_some();
  }
}

void FirstMessages::accept_some() {
  for (int i = 0; i < kMostAtOnce; ++i) {
    std::optional<Connection> connection = listener_.accept();
    if (!connection) {
      if (i == 0 && errno != EAGAIN && errno != ECONNABORTED) ::poll(nullptr, 0, static_cast<int>(kPause.count()));
      return;
    }
    if (pending_.size() >= kMostPending) {
      const auto silent = std::ranges::find_if(pending_, [this](const Pending& one) { return one.got < bytes_; });
      if (silent != pending_.end()) pending_.erase(silent);
    }
    pending_.push_back({{std::move(*connection), std::vector<std::byte>(bytes_)}, 0, Clock::now() + patience_});
    read(pending_.back());
  }
}

void FirstMessages::read(Pending& pending) const {
  std::vector<std::byte>& message = pending.caller.message;
  while (pending.got < bytes_) {
    const ssize_t got = ::recv(pending.caller.connection.descriptor(), message.data() + pending.got,
                               bytes_ - pending.got, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    pending.over = got <= 0;
    if (pending.over) return;
    pending.got += static_cast<std::size_t>(got);
  }
}

std::optional<FirstMessages::Caller> FirstMessages::take_whole() {
  const auto whole = std::ranges::find_if(pending_, [this](const Pending& one) { return one.got == bytes_; });
  if (whole == pending_.end()) return std::nullopt;
  Caller caller = std::move(whole->caller);
  pending_.erase(whole);
  return caller;
}

}  // namespace wring
