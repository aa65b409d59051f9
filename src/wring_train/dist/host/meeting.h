#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "wring_train/dist/host/connection.h"

namespace wring {

// Finds the way to rank 0: publishes a line under a name and waits for one, as a key-value store does.
struct Noticeboard {
  std::function<void(const std::string& name, const std::string& text)> put;
  std::function<std::string(const std::string& name)> get;  // waits; throws Error when it never comes
};

struct MeetingOptions {
  int rank = 0;
  int size = 1;
  std::string address;                        // that rank 0 is to listen on
  std::chrono::milliseconds arrival{300000};  // for all ranks to come
  std::chrono::milliseconds handshake{5000};  // for who connects to say that it is a rank
};

// The ranks of a run, connected to rank 0.
struct Meeting {
  std::vector<std::string> hosts;                            // each rank's machine
  std::vector<std::optional<Connection>> connections;        // rank 0: one to each other rank; the others: one to 0
  std::vector<std::optional<Connection>> watch_connections;  // the same once more
};

// Waits until all are there. Strangers at rank 0's port do not know the random word that the noticeboard tells, and
// cost no time. Throws Error{failed} that names the ranks that did not come, that ended meanwhile, or that were started
// as ranks of another number, the same on all that are there.
Meeting meet(const MeetingOptions& options, const Noticeboard& board);

}  // namespace wring
