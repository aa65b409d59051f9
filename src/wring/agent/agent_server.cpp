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

#include "wring/agent/words.h"
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
// A process speaks as soon as it has connected.
constexpr auto kLongestSilence = std::chrono::seconds(10);
constexpr std::size_t kLongestHelloBytes = std::size_t{64} << 10;
constexpr std::size_t kMostHeldBytes = std::size_t{64} << 20;
constexpr std::size_t kMostStrangers = 16;  // more of them tell no more

[[noreturn]] void throw_no_socket(const fs::path& path) {
  const int error = errno;
  const Text cure = error == EMFILE
                        ? Text("raise the limit of open files (ulimit -n)", "请提高打开文件数的上限（ulimit -n）")
                        : Text("set TMPDIR to a folder of a local disk with a short name",
                               "请把 TMPDIR 设为本地磁盘上名称较短的文件夹");
  throw Error(ErrorCode::failed,
              {"cannot make the socket {}: {}", "无法创建套接字 {}：{}", path.string(), std::strerror(error)}, cure);
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
  close();
}

void AgentServer::let_go() {
  close();
}

void AgentServer::close() {
  if (!listener_) return;
  ::unlink(path_.c_str());
  listener_ = Descriptor();
  connections_.clear();
}

void AgentServer::wait(std::chrono::milliseconds timeout, int also) {
  std::vector<pollfd> waits{{also, POLLIN, 0}, {-1, POLLIN, 0}};
  if (can_accept() && !out_of_descriptors_) waits[1].fd = listener_.get();
  for (const Connection& connection : connections_) {
    const bool writes = !connection.to_write.empty();
    waits.push_back({connection.socket.get(), static_cast<short>(writes ? POLLIN | POLLOUT : POLLIN), 0});
  }
  ::poll(waits.data(), waits.size(), static_cast<int>(timeout.count()));
  for (Connection& connection : connections_) {
    write_some(connection);
    read_some(connection);
  }
  accept_all();
  drop_silent();
  std::erase_if(connections_, [](const Connection& connection) { return !connection.socket; });
}

bool AgentServer::can_accept() const {
  const auto silent = [](const Connection& connection) { return !connection.client; };
  return connections_.size() < kMostConnections || std::ranges::any_of(connections_, silent);
}

void AgentServer::accept_all() {
  for (std::size_t i = 0; i < kMostConnections && can_accept(); ++i) {
    Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    out_of_descriptors_ = !socket && (errno == EMFILE || errno == ENFILE);
    if (out_of_descriptors_ && make_room()) continue;
    if (!socket) return;
    if (connections_.size() >= kMostConnections) make_room();
    connections_.push_back({std::move(socket), std::chrono::steady_clock::now(), "", "", std::nullopt});
    read_some(connections_.back());
  }
}

// The one that has been silent for longest gives way.
bool AgentServer::make_room() {
  const auto silent = [](const Connection& connection) { return !connection.client; };
  const auto oldest = std::ranges::find_if(connections_, silent);
  if (oldest == connections_.end()) return false;
  close(*oldest);
  connections_.erase(oldest);
  return true;
}

void AgentServer::drop_silent() {
  const auto latest = std::chrono::steady_clock::now() - kLongestSilence;
  for (Connection& connection : connections_) {
    if (!connection.client && connection.since < latest) close(connection);
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
      close(connection);
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
    const std::size_t longest = connection.client ? kLongestJsonLineBytes : kLongestHelloBytes;
    if (connection.line.size() + part.size() > longest) {
      drop(connection, {"the agent's line is longer than {} KiB", "探针的消息超过 {} KiB", longest >> 10});
      return;
    }
    if (held_bytes_ + part.size() > kMostHeldBytes) {
      drop(connection, {"the agents say more than {} MiB", "探针的消息共超过 {} MiB", kMostHeldBytes >> 20});
      return;
    }
    held_bytes_ += part.size();
    connection.line += part;
    if (end == std::string_view::npos) return;
    piece.remove_prefix(end + 1);
    held_bytes_ -= connection.line.size();
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
    connection.client = new_client();
    clients_[*connection.client].process = std::move(hello->process);
    held_bytes_ += line.size();
    connection.to_write = request_line(1, request_) + "\n";
    write_some(connection);
    return;
  }
  if (!connection.client) throw Error(ErrorCode::failed, {"the agent does not say hello first", "探针未先问候"});
  AgentClient& client = clients_[*connection.client];
  if (client.finished()) return;  // of the one request; more of it changes nothing
  if (auto* const phase = std::get_if<AgentPhase>(&event)) client.phase = std::move(phase->phase);
  if (auto* const failed = std::get_if<AgentFailed>(&event)) client.failure = reason_text(failed->reason);
  if (auto* const done = std::get_if<AgentDone>(&event)) take_done(client, std::move(done->observation));
  if (client.finished()) held_bytes_ += line.size();
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

// A place of its own; where there are too many that of one that has gone without a report.
std::size_t AgentServer::new_client() {
  if (clients_.size() < kMostClients) {
    clients_.emplace_back();
    return clients_.size() - 1;
  }
  const auto left = std::ranges::find_if(clients_, [](const AgentClient& one) { return one.gone && !one.observation; });
  if (left == clients_.end()) {
    throw Error(ErrorCode::failed, {"more than {} processes report", "报告的进程超过 {} 个", kMostClients});
  }
  *left = AgentClient();
  return static_cast<std::size_t>(left - clients_.begin());
}

void AgentServer::close(Connection& connection) {
  held_bytes_ -= connection.line.size();
  connection.line.clear();
  connection.socket = Descriptor();
  if (connection.client) clients_[*connection.client].gone = true;
}

void AgentServer::drop(Connection& connection, const Text& why) {
  const bool finished = connection.client && clients_[*connection.client].finished();
  close(connection);
  if (connection.client && !finished) {
    clients_[*connection.client].failure = why;
  } else if (!connection.client && strangers_ < kMostStrangers && clients_.size() < kMostClients) {
    ++strangers_;
    clients_.emplace_back().failure = why;
  }
}

}  // namespace wring
