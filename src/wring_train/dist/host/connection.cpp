#include "wring_train/dist/host/connection.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wring/base/error.h"

namespace wring {
namespace {

using Clock = std::chrono::steady_clock;
using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Addresses resolve(const std::string& address, std::uint16_t port, int type, int flags) {
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = type;
  wanted.ai_flags = flags;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &wanted, &found) != 0) found = nullptr;
  return {found, &::freeaddrinfo};
}

// Small messages must not wait for each other.
void set_options(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void set_blocking(int socket, bool blocking) {
  const int flags = ::fcntl(socket, F_GETFL);
  ::fcntl(socket, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

// False when nothing has happened in time.
bool wait_for(int socket, short events, Deadline deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd waiting{socket, events, 0};
    if (::poll(&waiting, 1, static_cast<int>(std::min<std::int64_t>(left.count(), INT_MAX))) > 0) return true;
  }
}

std::optional<Connection> connect_once(const addrinfo& to, Deadline deadline) {
  Descriptor socket(::socket(to.ai_family, to.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to.ai_protocol));
  if (!socket) return std::nullopt;
  if (::connect(socket.get(), to.ai_addr, to.ai_addrlen) != 0) {
    if (errno != EINPROGRESS || !wait_for(socket.get(), POLLOUT, deadline)) return std::nullopt;
    int error = 0;
    socklen_t size = sizeof(error);
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) return std::nullopt;
  }
  set_blocking(socket.get(), true);
  set_options(socket.get());
  return Connection(std::move(socket));
}

std::string in_numbers(const sockaddr* address, socklen_t size) {
  char text[NI_MAXHOST] = {};
  return ::getnameinfo(address, size, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) == 0 ? text : "";
}

std::string own_address(int socket, std::uint16_t* port = nullptr) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (::getsockname(socket, address, &size) != 0) return "";
  if (port != nullptr) {
    *port = ntohs(storage.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port
                                                : reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
  }
  return in_numbers(address, size);
}

}  // namespace

bool Connection::send(std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Connection::receive(std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

bool Connection::receive(std::span<std::byte> bytes, Deadline deadline) const {
  while (!bytes.empty()) {
    if (!wait_for(socket_.get(), POLLIN, deadline)) return false;
    const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

bool Connection::closed() const {
  char byte = 0;
  const ssize_t got = ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

std::string Connection::receive_some() const {
  char buffer[4096];
  while (true) {
    const ssize_t got = ::recv(socket_.get(), buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) continue;
    return got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : "";
  }
}

void Connection::shut_down() const {
  ::shutdown(socket_.get(), SHUT_RDWR);
}

Listener::Listener(const std::string& address, std::uint16_t port) {
  const Addresses addresses = resolve(address, port, SOCK_STREAM, AI_PASSIVE);
  int error = EADDRNOTAVAIL;
  for (const addrinfo* one = addresses.get(); one != nullptr; one = one->ai_next) {
    Descriptor socket(::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol));
    const int on = 1;
    if (!socket) continue;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (::bind(socket.get(), one->ai_addr, one->ai_addrlen) == 0 && ::listen(socket.get(), SOMAXCONN) == 0) {
      // One that waits may be gone before it is accepted.
      set_blocking(socket.get(), false);
      address_ = own_address(socket.get(), &port_);
      socket_ = std::move(socket);
      return;
    }
    error = errno;
  }
  throw Error(ErrorCode::failed,
              {"cannot listen on {} port {}: {}", "无法监听 {} 端口 {}：{}", address, port, std::strerror(error)},
              {"MASTER_ADDR must be an address of the machine with rank 0, and MASTER_PORT a free port there",
               "MASTER_ADDR 应为 rank 0 所在机器的地址，MASTER_PORT 应为该机器上的空闲端口"});
}

std::optional<Connection> Listener::accept() const {
  Descriptor socket(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!socket) return std::nullopt;
  set_options(socket.get());
  return Connection(std::move(socket));
}

std::optional<Connection> connect_to(const std::string& address, std::uint16_t port, Deadline deadline) {
  while (true) {
    const Addresses addresses = resolve(address, port, SOCK_STREAM, 0);
    for (const addrinfo* one = addresses.get(); one != nullptr; one = one->ai_next) {
      if (auto connection = connect_once(*one, deadline)) return connection;
    }
    if (Clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

// No packet is sent: connecting a datagram socket only chooses the way.
std::string address_towards(const std::string& address, std::uint16_t port) {
  const Addresses addresses = resolve(address, port, SOCK_DGRAM, 0);
  for (const addrinfo* one = addresses.get(); one != nullptr; one = one->ai_next) {
    const Descriptor socket(::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol));
    if (socket && ::connect(socket.get(), one->ai_addr, one->ai_addrlen) == 0) return own_address(socket.get());
  }
  return "";
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof(name) - 1) == 0 ? name : "?";
}

}  // namespace wring
