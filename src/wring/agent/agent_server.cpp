#include "wring/agent/agent_server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring/trial/json_fields.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

// At once, and in all: of a program's ranks on this machine, and of what forks or connects without end.
constexpr std::size_t kMostConnections = 512;
constexpr std::size_t kMostClients = 4096;
// So that a process that floods its socket cannot hold wait() for ever.
constexpr std::size_t kMostBytesAtOnce = 1 << 20;
constexpr int kBacklog = 128;

[[noreturn]] void throw_no_socket(const fs::path& path) {
  throw Error(
      ErrorCode::failed,
      {"cannot make the socket {}: {}", "无法创建套接字 {}：{}", path.string(), std::strerror(errno)},
      {"set TMPDIR to a folder of a local disk with a short name", "请把 TMPDIR 设为本地磁盘上名称较短的文件夹"});
}

Descriptor listen_at(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = path.string();
  errno = ENAMETOOLONG;
  if (name.size() >= sizeof address.sun_path) throw_no_socket(path);
  std::ranges::copy(name, address.sun_path);
  Descriptor listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener || ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener.get(), kBacklog) != 0) {
    throw_no_socket(path);
  }
  return listener;
}

}  // namespace

AgentServer::AgentServer(const fs::path& socket, AgentRequest request)
    : path_(socket), request_(std::move(request)), listener_(listen_at(socket)) {}

AgentServer::~AgentServer() {
  ::unlink(path_.c_str());
}

void AgentServer::wait(std::chrono::milliseconds timeout, int also) {
  std::vector<pollfd> waits{{also, POLLIN, 0}, {-1, POLLIN, 0}};
  if (connections_.size() < kMostConnections) waits[1].fd = listener_.get();
  for (const Connection& connection : connections_) {
    const bool writes = !connection.to_write.empty();
    waits.push_back({connection.socket.get(), static_cast<short>(writes ? POLLIN | POLLOUT : POLLIN), 0});
  }
  ::poll(waits.data(), waits.size(), static_cast<int>(timeout.count()));
  for (Connection& connection : connections_) {
    write_some(connection);
    read_some(connection);
  }
  if (connections_.size() < kMostConnections) accept_all();
  std::erase_if(connections_, [](const Connection& connection) { return !connection.socket; });
}

void AgentServer::accept_all() {
  while (connections_.size() < kMostConnections) {
    Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) return;
    connections_.push_back({std::move(socket), "", "", std::nullopt});
    read_some(connections_.back());
  }
}

void AgentServer::read_some(Connection& connection) {
  std::array<char, 65536> buffer;
  for (std::size_t total = 0; connection.socket && total < kMostBytesAtOnce;) {
    const ssize_t n = ::recv(connection.socket.get(), buffer.data(), buffer.size(), 0);
    if (n > 0) {
      total += static_cast<std::size_t>(n);
      take_lines(connection, {buffer.data(), static_cast<std::size_t>(n)});
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      return;
    } else {
      if (connection.client) clients_[*connection.client].gone = true;
      connection.socket = Descriptor();
    }
  }
}

void AgentServer::write_some(Connection& connection) const {
  while (connection.socket && !connection.to_write.empty()) {
    const ssize_t n =
        ::send(connection.socket.get(), connection.to_write.data(), connection.to_write.size(), MSG_NOSIGNAL);
    if (n > 0) {
      connection.to_write.erase(0, static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else {
      return;  // full, or closed: reading says which
    }
  }
}

void AgentServer::take_lines(Connection& connection, std::string_view piece) {
  while (connection.socket && !piece.empty()) {
    const std::size_t end = piece.find('\n');
    const std::string_view part = piece.substr(0, end);
    if (connection.line.size() + part.size() > kLongestJsonLineBytes) {
      drop(connection, {"the agent's line is longer than 1 MiB", "探针的消息超过 1 MiB"});
      return;
    }
    connection.line += part;
    if (end == std::string_view::npos) return;
    piece.remove_prefix(end + 1);
    try {
      take(connection, std::exchange(connection.line, {}));
    } catch (const Error& error) {
      drop(connection, error.message());
    }
  }
}

// Throws Error where it breaks the protocol.
void AgentServer::take(Connection& connection, std::string_view line) {
  AgentEvent event = parse_agent_event(line);
  if (auto* const hello = std::get_if<AgentHello>(&event)) {
    if (connection.client) throw Error(ErrorCode::failed, {"the agent says hello twice", "探针重复问候"});
    if (clients_.size() >= kMostClients) throw Error(ErrorCode::failed, {"too many processes", "进程过多"});
    connection.client = clients_.size();
    clients_.emplace_back().process = std::move(hello->process);
    connection.to_write = request_line(1, request_) + "\n";
    write_some(connection);
    return;
  }
  if (!connection.client) throw Error(ErrorCode::failed, {"the agent does not say hello first", "探针未先问候"});
  AgentClient& client = clients_[*connection.client];
  if (client.finished()) return;  // of the one request; more of it changes nothing
  if (auto* const phase = std::get_if<AgentPhase>(&event)) client.phase = std::move(phase->phase);
  if (auto* const failed = std::get_if<AgentFailed>(&event)) {
    client.failure = failed->message.empty() ? Text("the agent gave up", "探针已放弃") : Text(failed->message);
  }
  if (auto* const done = std::get_if<AgentDone>(&event)) take_done(client, std::move(done->observation));
}

// A trace elsewhere would let a program choose what wring reads.
void AgentServer::take_done(AgentClient& client, Observation observation) const {
  if (observation.trace && observation.trace->path.lexically_normal().parent_path() != request_.folder) {
    throw Error(ErrorCode::failed, {"the agent's line: \"trace.path\" is not in {}",
                                    "探针的消息：\"trace.path\" 不在 {} 中", request_.folder.string()});
  }
  observation.process = client.process;
  client.observation = std::move(observation);
}

void AgentServer::drop(Connection& connection, const Text& why) {
  connection.socket = Descriptor();
  if (!connection.client && clients_.size() < kMostClients) {
    clients_.emplace_back().failure = why;
  } else if (connection.client && !clients_[*connection.client].finished()) {
    clients_[*connection.client].failure = why;
  }
}

}  // namespace wring
