#pragma once
#include <chrono>
#include <memory>

#include "wring_train/dist/host/host_group.h"
#include "wring_train/dist/host/rank_place.h"

namespace wring {

// c10d's TCPStore at the launcher's MASTER_ADDR and MASTER_PORT. Rank 0 serves it, on that address alone, unless the
// launcher does. Needed only until the ranks are connected.
class Rendezvous {
 public:
  // Throws Error{failed} naming address, port and cure when the store is not there in time.
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
