#pragma once
#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

#include "wring_train/dist/host/connection.h"

namespace wring {

// The connections that come to a port, each with its first message. All are read beside each other and each has a time
// of its own: one that is silent, or sends something else, is dropped and holds nobody up.
class FirstMessages {
 public:
  struct Caller {
    Connection connection;
    std::vector<std::byte> message;
  };

  // `bytes`: of a first message. `patience`: for one, from the moment that its connection is accepted.
  FirstMessages(const Listener& listener, std::size_t bytes,
                std::chrono::milliseconds patience = std::chrono::seconds(5))
      : listener_(listener), bytes_(bytes), patience_(patience) {}

  // The next connection whose message is whole; nothing when none is in time.
  std::optional<Caller> next(Deadline deadline);

 private:
  struct Pending {
    Caller caller;
    std::size_t got = 0;
    Deadline until;
    bool over = false;  // it was closed, or its time is up
  };

  void accept_some();
  void read(Pending& pending) const;
  std::optional<Caller> take_whole();

  const Listener& listener_;
  const std::size_t bytes_;
  const std::chrono::milliseconds patience_;
  std::vector<Pending> pending_;
};

}  // namespace wring
