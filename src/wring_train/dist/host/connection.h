#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "wring/files/descriptor.h"

namespace wring {

using Deadline = std::chrono::steady_clock::time_point;

// A TCP connection between two ranks. Blocking; shut_down() from another thread ends every call.
class Connection {
 public:
  explicit Connection(Descriptor socket) : socket_(std::move(socket)) {}

  // False when the other side is gone.
  bool send(std::span<const std::byte> bytes) const;
  bool receive(std::span<std::byte> bytes) const;
  // False as well when they have not all come in time.
  bool receive(std::span<std::byte> bytes, Deadline deadline) const;
  // Whether the other side has closed it. What it sent before is not taken.
  bool closed() const;
  // What there is now, at most; nothing when the other side is gone.
  std::string receive_some() const;
  void shut_down() const;
  int descriptor() const { return socket_.get(); }

 private:
  Descriptor socket_;
};

// Waits for connections, on one address alone.
class Listener {
 public:
  // Any free port when `port` is 0. Throws Error{failed} that names the address where it cannot be listened on.
  Listener(const std::string& address, std::uint16_t port);

  std::uint16_t port() const { return port_; }
  const std::string& address() const { return address_; }  // in numbers
  int descriptor() const { return socket_.get(); }
  // The next connection that waits already; nothing when there is none.
  std::optional<Connection> accept() const;

 private:
  Descriptor socket_;
  std::uint16_t port_ = 0;
  std::string address_;
};

// Tries until it succeeds or time is up; nothing then, also where packets are dropped on the way.
std::optional<Connection> connect_to(const std::string& address, std::uint16_t port, Deadline deadline);

// The address, in numbers, by which this machine reaches the other one. Empty where there is no way.
std::string address_towards(const std::string& address, std::uint16_t port);

std::string host_name();

}  // namespace wring
