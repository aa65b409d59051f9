#include "wring_train/dist/host/meeting.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "wring/base/error.h"
#include "wring/files/wait_notice.h"
#include "wring_train/dist/host/first_messages.h"

namespace wring {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kLook = 250ms;  // whether a rank that has come is still there
// Rank 0 gives up first, and then says for whom it waited.
constexpr auto kLonger = 10s;
constexpr std::uint64_t kLongestAnswer = 1 << 24;

// The first message of both connections of a rank.
struct Hello {
  std::array<char, 32> token{};
  std::int32_t rank = 0;
  std::int32_t size = 0;
  std::int32_t watch = 0;  // 1: the watch's connection
  std::array<char, 64> host{};
};

std::string random_token() {
  std::random_device random;
  std::string token;
  for (int i = 0; i < 4; ++i) token += fmt::format("{:08x}", random());
  return token;
}

// A name goes into a list of lines and onto terminals.
std::string plain(const std::string& name) {
  std::string text;
  for (const char c : name) text += c > ' ' && c <= '~' ? c : '?';
  return text.empty() ? "?" : text;
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

// What rank 0 says once: the machines of all ranks, or why they will not meet.
bool send_answer(const Connection& to, const std::string& text) {
  const std::uint64_t length = text.size();
  return to.send(std::as_bytes(std::span(&length, 1))) && to.send(std::as_bytes(std::span(text)));
}

std::optional<std::string> receive_answer(const Connection& from, Deadline deadline) {
  std::uint64_t length = 0;
  if (!from.receive(std::as_writable_bytes(std::span(&length, 1)), deadline)) return std::nullopt;
  if (length > kLongestAnswer) return std::nullopt;
  std::string text(length, '\0');
  if (!from.receive(std::as_writable_bytes(std::span(text)), deadline)) return std::nullopt;
  return text;
}

constexpr std::string_view kTogether = "together\n";
constexpr std::string_view kRefused = "refused\n";

std::string refusal(const Error& error) {
  return fmt::format("{}{}\n{}\n{}\n{}\n", kRefused, error.message().en, error.message().zh, error.hint().en,
                     error.hint().zh);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// Rank 0's side.
class Reception {
 public:
  Reception(const MeetingOptions& options, const Noticeboard& board)
      : options_(options), listener_(listen_near(options.address)), token_(random_token()) {
    const auto ranks = static_cast<std::size_t>(options.size);
    meeting_.hosts.assign(ranks, "");
    meeting_.hosts[0] = plain(host_name());
    meeting_.connections.resize(ranks);
    meeting_.watch_connections.resize(ranks);
    board.put("rank0", fmt::format("{} {} {}", listener_.address(), listener_.port(), token_));
  }

  Meeting receive_all() {
    try {
      wait_for_all();
    } catch (const Error& error) {
      for (const auto& one : meeting_.connections) {
        if (one) send_answer(*one, refusal(error));
      }
      throw;
    }
    const std::string together = fmt::format("{}{}\n", kTogether, fmt::join(meeting_.hosts, "\n"));
    for (int rank = 1; rank < options_.size; ++rank) send_answer(*meeting_.connections[place_of(rank)], together);
    return std::move(meeting_);
  }

 private:
  static std::size_t place_of(int rank) { return static_cast<std::size_t>(rank); }

  void wait_for_all() {
    const Deadline deadline = Clock::now() + options_.arrival;
    FirstMessages callers(listener_, sizeof(Hello), options_.handshake);
    WaitNotice notice(waiting(), deadline);
    for (int missing = 2 * (options_.size - 1); missing > 0;) {
      auto caller = callers.next(std::min<Deadline>(deadline, Clock::now() + kLook));
      refuse_ended();
      if (caller && take(std::move(*caller))) {
        --missing;
        notice.now(waiting());
      } else if (Clock::now() >= deadline) {
        throw not_come();
      }
    }
  }

  // Whether it is one of the ranks that are missing.
  bool take(FirstMessages::Caller caller) {
    Hello hello;
    std::memcpy(&hello, caller.message.data(), sizeof(hello));
    if (std::string(hello.token.data(), hello.token.size()) != token_) return false;
    hello.host.back() = '\0';
    const std::string host = plain(hello.host.data());
    if (hello.size != options_.size) {
      send_answer(caller.connection, refusal(other_size(hello, host)));
      throw other_size(hello, host);
    }
    if (hello.rank < 1 || hello.rank >= options_.size) return false;
    auto& place = (hello.watch != 0 ? meeting_.watch_connections : meeting_.connections)[place_of(hello.rank)];
    if (place) {
      send_answer(caller.connection, refusal(taken(hello.rank)));
      return false;
    }
    place = std::move(caller.connection);
    meeting_.hosts[place_of(hello.rank)] = host;
    return true;
  }

  void refuse_ended() const {
    for (int rank = 1; rank < options_.size; ++rank) {
      const auto& one = meeting_.connections[place_of(rank)];
      if (!one || !one->closed()) continue;
      const std::string& host = meeting_.hosts[place_of(rank)];
      throw Error(
          ErrorCode::failed,
          {"rank {} on {} ended while the ranks were meeting", "{1} 上的 rank {0} 在各进程会合时结束", rank, host},
          {"see what it printed", "请查看它的输出"});
    }
  }

  std::string absent() const {
    constexpr std::size_t kNamed = 16;
    std::vector<int> ranks;
    std::size_t others = 0;
    for (int rank = 1; rank < options_.size; ++rank) {
      if (meeting_.connections[place_of(rank)] && meeting_.watch_connections[place_of(rank)]) continue;
      if (ranks.size() < kNamed) {
        ranks.push_back(rank);
      } else {
        ++others;
      }
    }
    return fmt::format("{}{}", fmt::join(ranks, ", "), others > 0 ? fmt::format(" (+ {})", others) : "");
  }

  Text waiting() const {
    return {"rank 0 waits for these ranks of {}: {}", "rank 0 在等待 {} 个进程中的：{}", options_.size, absent()};
  }
  Error not_come() const {
    return {ErrorCode::failed,
            {"these ranks of {} did not come: {}", "{} 个进程中以下进程没有到达：{}", options_.size, absent()},
            {"see what they printed; every machine must reach rank 0's at MASTER_ADDR",
             "请查看它们的输出；每台机器都应能访问 MASTER_ADDR"}};
  }
  Error other_size(const Hello& hello, const std::string& host) const {
    return {ErrorCode::failed,
            {"rank {} on {} was started as one of {} ranks, and rank 0 on {} as one of {}",
             "{1} 上的 rank {0} 按 {2} 个进程启动，而 {3} 上的 rank 0 按 {4} 个进程启动", hello.rank, host, hello.size,
             meeting_.hosts[0], options_.size},
            {"WORLD_SIZE must be the same everywhere; two jobs must not share MASTER_ADDR and MASTER_PORT",
             "各处的 WORLD_SIZE 应相同；两个任务不能共用同一 MASTER_ADDR 和 MASTER_PORT"}};
  }
  Error taken(int rank) const {
    return {ErrorCode::failed,
            {"a rank {} is there already, on {}", "rank {} 已存在（{}）", rank, meeting_.hosts[place_of(rank)]},
            {"every process needs a RANK of its own; two jobs must not share MASTER_ADDR and MASTER_PORT",
             "每个进程的 RANK 应不同；两个任务不能共用同一 MASTER_ADDR 和 MASTER_PORT"}};
  }

  const MeetingOptions& options_;
  const Listener listener_;
  const std::string token_;
  Meeting meeting_;
};

Error unreachable(const MeetingOptions& options, const std::string& at, const Text& why) {
  const std::string host = plain(host_name());
  return {ErrorCode::failed,
          {"rank {} on {} {} at {}", "{1} 上的 rank {0}{2}：{3}", options.rank, host, why, at},
          {"see what rank 0 printed; MASTER_ADDR must be an address of its machine that all machines reach, without a "
           "firewall between",
           "请查看 rank 0 的输出；MASTER_ADDR 应为所有机器都能访问的 rank 0 机器地址，中间不应有防火墙"}};
}

Hello hello_of(const MeetingOptions& options, const std::string& token) {
  Hello hello;
  std::memcpy(hello.token.data(), token.data(), std::min(token.size(), hello.token.size()));
  hello.rank = options.rank;
  hello.size = options.size;
  const std::string host = plain(host_name());
  std::memcpy(hello.host.data(), host.data(), std::min(hello.host.size() - 1, host.size()));
  return hello;
}

Meeting join_rank_zero(const MeetingOptions& options, const Noticeboard& board) {
  std::istringstream notice(board.get("rank0"));
  const Deadline deadline = Clock::now() + options.arrival + kLonger;
  std::string address, token;
  std::uint16_t port = 0;
  notice >> address >> port >> token;
  const std::string at = fmt::format("{} port {}", address, port);
  const WaitNotice waiting({"rank {} waits for the other ranks, which rank 0 names; it is at {}",
                            "rank {} 在等待其他进程（由 rank 0 列出，位于 {}）", options.rank, at},
                           deadline);
  Meeting meeting;
  meeting.connections.resize(1);
  meeting.watch_connections.resize(1);
  Hello hello = hello_of(options, token);
  for (const bool watch : {false, true}) {
    std::optional<Connection> one = connect_to(address, port, deadline);
    if (!one) throw unreachable(options, at, {"does not reach rank 0", " 无法连接 rank 0"});
    hello.watch = watch ? 1 : 0;
    one->send(std::as_bytes(std::span(&hello, 1)));  // where it fails, rank 0 has said why before
    (watch ? meeting.watch_connections : meeting.connections)[0] = std::move(one);
  }
  const std::optional<std::string> answer = receive_answer(*meeting.connections[0], deadline);
  if (!answer) throw unreachable(options, at, {"was left by rank 0", " 与 rank 0 的连接被关闭"});
  std::vector<std::string> lines = lines_of(*answer);
  if (answer->starts_with(kRefused) && lines.size() == 5) {
    throw Error(ErrorCode::failed, {lines[1], lines[2]}, {lines[3], lines[4]});
  }
  if (!answer->starts_with(kTogether) || lines.size() != static_cast<std::size_t>(options.size) + 1) {
    throw unreachable(options, at, {"finds no rank 0 of this version of wring", " 没有找到相同版本的 rank 0"});
  }
  meeting.hosts.assign(lines.begin() + 1, lines.end());
  return meeting;
}

}  // namespace

Meeting meet(const MeetingOptions& options, const Noticeboard& board) {
  return options.rank == 0 ? Reception(options, board).receive_all() : join_rank_zero(options, board);
}

}  // namespace wring
