#include "wring_train/dist/host/host_group.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "wring/base/error.h"

namespace wring {
namespace {

// Both come before the watch looks after the connection: a stranger's bytes must not be taken for a rank's.
struct Hello {
  std::array<char, 32> token{};
  std::int32_t rank = 0;
  std::int32_t watch = 0;  // 1: the watch's connection
  std::array<char, 64> host{};
};

std::string random_token() {
  std::random_device random;
  std::string token;
  for (int i = 0; i < 4; ++i) token += fmt::format("{:08x}", random());
  return token.substr(0, 32);
}

template <typename T>
std::span<std::byte> bytes_of(T& value) {
  return std::as_writable_bytes(std::span(&value, 1));
}

template <std::size_t size>
void copy_text(std::array<char, size>& to, const std::string& from) {
  std::memcpy(to.data(), from.data(), std::min(size - 1, from.size()));
}

Listener listen_near(const std::string& address) {
  try {
    return Listener(address, 0);
  } catch (const Error&) {
    // Some clusters name rank 0's machine by an address that others reach it at, and it does not have itself.
    const std::string own = address_towards(address, 1);
    if (own.empty()) throw;
    return Listener(own, 0);
  }
}

}  // namespace

HostGroup::HostGroup(const GroupOptions& options, const Noticeboard& board) : rank_(options.rank), size_(options.size) {
  connections_.resize(static_cast<std::size_t>(rank_ == 0 ? size_ : 1));
  watch_connections_.resize(connections_.size());
  if (rank_ == 0) {
    gather_ranks(options, board);
  } else {
    join_rank_zero(options, board);
  }
  watch_ = std::make_unique<RankWatch>(rank_, hosts_, std::move(watch_connections_), options.times, [this] {
    for (const auto& one : connections_) {
      if (one) one->shut_down();
    }
  });
}

HostGroup::~HostGroup() = default;

void HostGroup::gather_ranks(const GroupOptions& options, const Noticeboard& board) {
  const Deadline deadline = std::chrono::steady_clock::now() + options.arrival;
  const Listener listener = listen_near(options.address);
  const std::string token = random_token();
  board.put("rank0", fmt::format("{} {} {}", listener.address(), listener.port(), token));
  hosts_.assign(static_cast<std::size_t>(size_), "");
  hosts_[0] = host_name();
  for (int missing = 2 * (size_ - 1); missing > 0;) {
    std::optional<Connection> one = listener.accept(deadline);
    if (!one) {
      std::vector<int> absent;
      for (int rank = 1; rank < size_; ++rank) {
        if (hosts_[static_cast<std::size_t>(rank)].empty()) absent.push_back(rank);
      }
      throw Error(ErrorCode::failed,
                  {fmt::format("these ranks of {} did not come: {}", size_, fmt::join(absent, ", ")),
                   fmt::format("{} 个进程中以下进程没有到达：{}", size_, fmt::join(absent, ", "))},
                  {"see what they printed; every machine must reach rank 0's at MASTER_ADDR",
                   "请查看它们的输出；每台机器都应能访问 MASTER_ADDR"});
    }
    Hello hello;
    if (!one->receive(bytes_of(hello)) || std::string(hello.token.data(), 32) != token) continue;
    if (hello.rank < 1 || hello.rank >= size_) continue;
    auto& place = (hello.watch != 0 ? watch_connections_ : connections_)[static_cast<std::size_t>(hello.rank)];
    if (place) continue;
    place = std::move(one);
    hosts_[static_cast<std::size_t>(hello.rank)] = hello.host.data();
    --missing;
  }
  std::string names;
  for (const std::string& host : hosts_) names += host + "\n";
  for (int rank = 1; rank < size_; ++rank) {
    const std::uint64_t length = names.size();
    connection(rank).send(std::as_bytes(std::span(&length, 1)));
    connection(rank).send(std::as_bytes(std::span(names)));
  }
}

void HostGroup::join_rank_zero(const GroupOptions& options, const Noticeboard& board) {
  const Deadline deadline = std::chrono::steady_clock::now() + options.arrival;
  std::istringstream notice(board.get("rank0"));
  std::string address, token;
  std::uint16_t port = 0;
  notice >> address >> port >> token;
  const auto unreachable = [&] {
    return Error(
        ErrorCode::failed,
        {fmt::format("rank {} on {} does not reach rank 0 at {} port {}", rank_, host_name(), address, port),
         fmt::format("{} 上的 rank {} 无法连接 rank 0：{} 端口 {}", host_name(), rank_, address, port)},
        {"MASTER_ADDR must be an address of rank 0's machine that all machines reach, without a firewall between",
         "MASTER_ADDR 应为所有机器都能访问的 rank 0 机器地址，中间不应有防火墙"});
  };
  for (const bool watch : {false, true}) {
    std::optional<Connection> one = connect_to(address, port, deadline);
    if (!one) throw unreachable();
    Hello hello;
    std::memcpy(hello.token.data(), token.data(), std::min<std::size_t>(token.size(), 32));
    hello.rank = rank_;
    hello.watch = watch ? 1 : 0;
    copy_text(hello.host, host_name());
    if (!one->send(bytes_of(hello))) throw unreachable();
    (watch ? watch_connections_ : connections_)[0] = std::move(one);
  }
  std::uint64_t length = 0;
  if (!connection(0).receive(bytes_of(length))) throw unreachable();
  std::string names(length, '\0');
  if (!connection(0).receive(std::as_writable_bytes(std::span(names)))) throw unreachable();
  std::istringstream lines(names);
  for (std::string host; std::getline(lines, host);) hosts_.push_back(host);
}

void HostGroup::send(const Connection& to, std::span<const std::byte> bytes) {
  if (!to.send(bytes)) throw watch_->wait_for_loss();
}

void HostGroup::send(const Connection& to, Call call, std::span<const std::byte> bytes) {
  const Header header{call, number_, bytes.size()};
  send(to, std::as_bytes(std::span(&header, 1)));
  send(to, bytes);
}

void HostGroup::receive(const Connection& from, std::span<std::byte> bytes) {
  if (!from.receive(bytes)) throw watch_->wait_for_loss();
}

std::uint64_t HostGroup::receive_header(int rank, Call call) {
  Header header;
  receive(connection(rank), bytes_of(header));
  if (header.call == call && header.number == number_) return header.bytes;
  throw Error(ErrorCode::failed,
              fmt::format("the ranks are out of step: rank {} is in call {} of kind {}, rank {} in {} of kind {}", rank,
                          header.number, static_cast<int>(header.call), rank_, number_, static_cast<int>(call)),
              "this is a fault of wring: please report it");
}

void HostGroup::sum(std::span<float> values) {
  ++number_;
  const auto bytes = std::as_writable_bytes(values);
  if (rank_ != 0) {
    send(connection(0), Call::sum, bytes);
    receive_header(0, Call::sum);
    return receive(connection(0), bytes);
  }
  std::vector<float> theirs(values.size());
  for (int rank = 1; rank < size_; ++rank) {
    if (receive_header(rank, Call::sum) != bytes.size()) {
      throw Error(ErrorCode::failed, fmt::format("rank {} has another network than rank 0", rank),
                  "start every rank with the same config");
    }
    receive(connection(rank), std::as_writable_bytes(std::span(theirs)));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += theirs[i];
  }
  for (int rank = 1; rank < size_; ++rank) send(connection(rank), Call::sum, bytes);
}

void HostGroup::broadcast(std::vector<std::byte>& bytes) {
  ++number_;
  if (rank_ == 0) {
    for (int rank = 1; rank < size_; ++rank) send(connection(rank), Call::broadcast, bytes);
    return;
  }
  bytes.resize(receive_header(0, Call::broadcast));
  receive(connection(0), bytes);
}

std::vector<std::vector<double>> HostGroup::gather(std::span<const double> values) {
  ++number_;
  std::vector<std::vector<double>> all(static_cast<std::size_t>(size_));
  const auto take = [&](int from, std::vector<double>& into) {
    into.resize(receive_header(from, Call::gather) / sizeof(double));
    receive(connection(from), std::as_writable_bytes(std::span(into)));
  };
  if (rank_ != 0) {
    send(connection(0), Call::gather, std::as_bytes(values));
    for (auto& one : all) take(0, one);
    return all;
  }
  all[0].assign(values.begin(), values.end());
  for (int rank = 1; rank < size_; ++rank) take(rank, all[static_cast<std::size_t>(rank)]);
  for (int rank = 1; rank < size_; ++rank) {
    for (const auto& one : all) send(connection(rank), Call::gather, std::as_bytes(std::span(one)));
  }
  return all;
}

void HostGroup::finish() {
  gather({});
  watch_->finish();
}

}  // namespace wring
