#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "wring/agent/messages.h"
#include "wring/agent/observation_source.h"
#include "wring/files/descriptor.h"

namespace wring {

// The socket at which the processes of a program report: each is asked once, when it says hello. Nothing here blocks,
// and nothing that a process says is believed beyond its own report: one that breaks the protocol is dropped alone.
// What connects and is silent gives way to others, and what all say together has a bound.
class AgentServer : public ObservationSource {
 public:
  // `request.folder`: traces must lie in it. Throws Error{failed} naming the socket.
  AgentServer(const std::filesystem::path& socket, AgentRequest request);
  ~AgentServer() override;
  AgentServer(const AgentServer&) = delete;
  AgentServer& operator=(const AgentServer&) = delete;

  void wait(std::chrono::milliseconds timeout, int also = -1) override;

  // In the order of their hellos.
  const std::vector<AgentClient>& clients() const override { return clients_; }

  // Closes the socket and every connection, by which the agents know that they may go.
  void let_go() override;

 private:
  struct Connection {
    Descriptor socket;
    std::chrono::steady_clock::time_point since;
    std::string to_write;
    std::string line;                   // what came of the next one
    std::optional<std::size_t> client;  // its place in clients_, from its hello on
  };

  bool can_accept() const;
  void close();
  void accept_all();
  bool make_room();
  void drop_silent();
  void read_some(Connection& connection);
  void write_some(Connection& connection) const;
  void take_lines(Connection& connection, std::string_view piece);
  void take(Connection& connection, std::string_view line);
  void take_done(AgentClient& client, Observation observation) const;
  void drop(Connection& connection, const Text& why);
  void close(Connection& connection);
  std::size_t new_client();

  std::filesystem::path path_;
  AgentRequest request_;
  Descriptor listener_;
  std::vector<Connection> connections_;
  std::vector<AgentClient> clients_;
  bool out_of_descriptors_ = false;
  std::size_t strangers_ = 0;   // of clients_: dropped before their hello
  std::size_t held_bytes_ = 0;  // of unfinished lines, and of lines that clients_ was made from
};

}  // namespace wring
