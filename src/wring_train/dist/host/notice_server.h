#pragma once
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>

#include "wring/base/text.h"
#include "wring_train/dist/host/connection.h"

namespace wring {

// The rendezvous of a run whose launcher serves none: rank 0 tells every process that asks at a port, in the words of
// this protocol, one line of text. Whoever is silent there, or says something else, is dropped after a few seconds and
// holds nobody up.
class NoticeServer {
 public:
  // Listens from now on, on that address alone. Throws Error{failed} where it cannot. `attempt`: of the job; who asks
  // for another one is not answered.
  NoticeServer(const std::string& address, std::uint16_t port, int attempt);
  ~NoticeServer();
  NoticeServer(const NoticeServer&) = delete;
  NoticeServer& operator=(const NoticeServer&) = delete;

  std::uint16_t port() const { return listener_.port(); }

  // Begins to answer, with at most 255 bytes. To be called once.
  void publish(const std::string& text);

 private:
  void serve(const std::string& text) const;

  Listener listener_;
  int attempt_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

struct FetchedNotice {
  std::optional<std::string> text;  // nullopt: it did not come in time
  Text why_not;
};

// Asks there again and again until the notice comes or time is up.
FetchedNotice fetch_notice(const std::string& address, std::uint16_t port, int attempt, Deadline deadline);

}  // namespace wring
