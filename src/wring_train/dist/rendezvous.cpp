#include "wring_train/dist/rendezvous.h"

#include <optional>
#include <thread>

#include <fmt/format.h>
#include <netdb.h>

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "wring/base/error.h"
#include "wring/files/wait_notice.h"
#include "wring_train/dist/host/notice_server.h"

namespace wring {
namespace {

using Clock = std::chrono::steady_clock;

Error unreachable(const RankPlace& place, const Text& why) {
  return {ErrorCode::failed,
          {"rank {} cannot meet the others at {} port {}: {}", "rank {} 无法在 {} 端口 {} 与其他进程会合：{}",
           place.rank, place.address, place.port, why},
          {"see that rank 0 has started, and that MASTER_ADDR and MASTER_PORT are its machine and a port that no "
           "firewall closes",
           "请确认 rank 0 已启动，MASTER_ADDR 和 MASTER_PORT 为其机器及未被防火墙关闭的端口"}};
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

// Machines that start together may get their names late. Clients would wait for their whole patience, and never say
// that it is the name.
void wait_for_name(const RankPlace& place) {
  const auto end = Clock::now() + std::chrono::seconds(30);
  const WaitNotice notice({"waiting until the name {} is known", "等待名称 {} 可以解析", place.address}, end);
  for (;;) {
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(place.address.c_str(), nullptr, nullptr, &found);
    if (code == 0) return ::freeaddrinfo(found);
    if (Clock::now() > end) {
      throw unreachable(
          place, {"the name {} is not known ({})", "无法解析名称 {}（{}）", place.address, ::gai_strerror(code)});
    }
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace

struct Rendezvous::State {
  RankPlace place;
  Deadline deadline;
  std::optional<NoticeServer> server;        // of rank 0
  c10::intrusive_ptr<c10d::Store> launcher;  // torchrun's

  void join_launchers_store(std::chrono::milliseconds patience);
  void put(const std::string& name, const std::string& text);
  std::string get(const std::string& name);
};

void Rendezvous::State::join_launchers_store(std::chrono::milliseconds patience) {
  c10d::TCPStoreOptions options;
  options.port = place.port;
  options.timeout = patience;
  options.waitWorkers = false;
  const WaitNotice notice({"waiting for torchrun's store at {} port {}", "等待 torchrun 的存储服务（{} 端口 {}）",
                           place.address, place.port},
                          deadline);
  try {
    auto store = c10::make_intrusive<c10d::TCPStore>(place.address, options);
    launcher = c10::make_intrusive<c10d::PrefixStore>(fmt::format("wring/{}", place.attempt), std::move(store));
  } catch (const std::exception& error) {
    throw unreachable(place, first_line(error.what()));
  }
}

void Rendezvous::State::put(const std::string& name, const std::string& text) {
  if (server) return server->publish(text);
  launcher->set(name, std::vector<std::uint8_t>(text.begin(), text.end()));
}

std::string Rendezvous::State::get(const std::string& name) {
  if (!launcher) {
    const FetchedNotice fetched = fetch_notice(place.address, place.port, place.attempt, deadline);
    if (!fetched.text) throw unreachable(place, fetched.why_not);
    return *fetched.text;
  }
  const WaitNotice notice(
      {"rank {} waits for rank 0, which has not yet come to torchrun's store at {} port {}",
       "rank {} 在等待 rank 0 到达 torchrun 的存储服务（{} 端口 {}）", place.rank, place.address, place.port},
      deadline);
  try {
    const std::vector<std::uint8_t> bytes = launcher->get(name);
    return {bytes.begin(), bytes.end()};
  } catch (const std::exception& error) {
    throw unreachable(place, first_line(error.what()));
  }
}

Rendezvous::Rendezvous(const RankPlace& place, std::chrono::milliseconds patience) : state_(std::make_unique<State>()) {
  state_->place = place;
  state_->deadline = Clock::now() + patience;
  if (place.rank == 0 && !place.store_runs) {
    state_->server.emplace(place.address, place.port, place.attempt);
    return;
  }
  wait_for_name(place);
  if (place.store_runs) state_->join_launchers_store(patience);
}

Rendezvous::~Rendezvous() = default;

Noticeboard Rendezvous::board() const {
  State* state = state_.get();
  return {[state](const std::string& name, const std::string& text) { state->put(name, text); },
          [state](const std::string& name) { return state->get(name); }};
}

}  // namespace wring
