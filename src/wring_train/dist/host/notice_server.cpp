#include "wring_train/dist/host/notice_server.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "wring/files/wait_notice.h"
#include "wring_train/dist/host/first_messages.h"

namespace wring {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kLook = 100ms;     // whether the server is to stop
constexpr auto kTry = 1s;         // to connect
constexpr auto kAnswer = 5s;      // to be answered
constexpr auto kBetween = 100ms;  // two tries
using Request = std::array<char, 64>;
using Answer = std::array<char, 256>;

Request request_for(int attempt) {
  Request request{};
  fmt::format_to_n(request.data(), request.size() - 1, "wring ranks 1, attempt {}", attempt);
  return request;
}

std::optional<std::string> ask(const Connection& connection, const Request& request, Deadline deadline) {
  Answer answer{};
  if (!connection.send(std::as_bytes(std::span(request)))) return std::nullopt;
  if (!connection.receive(std::as_writable_bytes(std::span(answer)), deadline)) return std::nullopt;
  answer.back() = '\0';
  return answer.data();
}

}  // namespace

NoticeServer::NoticeServer(const std::string& address, std::uint16_t port, int attempt)
    : listener_(address, port), attempt_(attempt) {}

NoticeServer::~NoticeServer() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
}

void NoticeServer::publish(const std::string& text) {
  thread_ = std::thread([this, text] { serve(text); });
}

void NoticeServer::serve(const std::string& text) const {
  const Request wanted = request_for(attempt_);
  Answer answer{};
  std::memcpy(answer.data(), text.data(), std::min(text.size(), answer.size() - 1));
  FirstMessages callers(listener_, wanted.size());
  while (!stop_) {
    const auto caller = callers.next(Clock::now() + kLook);
    if (!caller || std::memcmp(caller->message.data(), wanted.data(), wanted.size()) != 0) continue;
    caller->connection.send(std::as_bytes(std::span(answer)));  // so little goes without waiting
  }
}

FetchedNotice fetch_notice(const std::string& address, std::uint16_t port, int attempt, Deadline deadline) {
  const Request request = request_for(attempt);
  FetchedNotice fetched;
  const auto waiting = [&] {
    return Text("waiting for rank 0 at {} port {}: {}", "等待 rank 0（{} 端口 {}）：{}", address, port,
                fetched.why_not);
  };
  const Text unreached("nothing listens there, or a firewall lies between", "没有程序在监听，或被防火墙阻挡");
  fetched.why_not = unreached;
  WaitNotice notice(waiting(), deadline);
  while (true) {
    const auto connection = connect_to(address, port, std::min<Deadline>(deadline, Clock::now() + kTry));
    if (connection) {
      fetched.text = ask(*connection, request, std::min<Deadline>(deadline, Clock::now() + kAnswer));
      if (fetched.text) return fetched;
    }
    fetched.why_not = connection ? Text("what listens there does not answer as rank 0 of this job does",
                                        "那里的程序没有以本任务 rank 0 的方式应答")
                                 : unreached;
    notice.now(waiting());
    if (Clock::now() >= deadline) return fetched;
    std::this_thread::sleep_for(kBetween);
  }
}

}  // namespace wring
