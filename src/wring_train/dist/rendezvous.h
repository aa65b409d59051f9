#pragma once
#include <chrono>
#include <memory>

#include "wring_train/dist/host/host_group.h"
#include "wring_train/dist/host/rank_place.h"

namespace wring {

// Where the ranks find out where rank 0 is: at the launcher's MASTER_ADDR and MASTER_PORT. Rank 0 serves it there
// itself (host/notice_server.h) but under torchrun, whose c10d TCPStore holds that port. Needed only until the ranks
// are connected.
class Rendezvous {
 public:
  // Throws Error{failed} naming address, port and cure when rank 0 cannot serve it, or it is not there in time.
  Rendezvous(const RankPlace& place, std::chrono::milliseconds patience);
  ~Rendezvous();
  Rendezvous(const Rendezvous&) = delete;
  Rendezvous& operator=(const Rendezvous&) = delete;

  Noticeboard board() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace wring
