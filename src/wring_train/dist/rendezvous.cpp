#include "wring_train/dist/rendezvous.h"

#include <optional>
#include <thread>

#include <fmt/format.h>
#include <netdb.h>

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "wring/base/error.h"

namespace wring {
namespace {

Error unreachable(const RankPlace& place, const std::string& why) {
  return {ErrorCode::failed,
          {fmt::format("rank {} cannot meet the others at {} port {}: {}", place.rank, place.address, place.port, why),
           fmt::format("rank {} 无法在 {} 端口 {} 与其他进程会合：{}", place.rank, place.address, place.port, why)},
          {"see that rank 0 has started, and that MASTER_ADDR and MASTER_PORT are its machine and a port that no "
           "firewall closes",
           "请确认 rank 0 已启动，MASTER_ADDR 和 MASTER_PORT 为其机器及未被防火墙关闭的端口"}};
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

// Machines that start together may get their names late. The store's client would wait for its whole patience, and
// never say that it is the name.
void wait_for_name(const RankPlace& place) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  for (;;) {
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(place.address.c_str(), nullptr, nullptr, &found);
    if (code == 0) return ::freeaddrinfo(found);
    if (std::chrono::steady_clock::now() > end) {
      throw unreachable(place, fmt::format("the name {} is not known ({})", place.address, ::gai_strerror(code)));
    }
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace

struct Rendezvous::State {
  RankPlace place;
  c10::intrusive_ptr<c10d::Store> store;
};

Rendezvous::Rendezvous(const RankPlace& place, std::chrono::milliseconds patience) : state_(std::make_unique<State>()) {
  state_->place = place;
  c10d::TCPStoreOptions options;
  options.port = place.port;
  options.timeout = patience;
  options.waitWorkers = false;
  std::optional<Listener> listener;
  if (place.rank == 0 && !place.store_runs) {
    // The store by itself would listen on every address of the machine.
    listener.emplace(place.address, place.port);
    options.isServer = true;
    options.masterListenFd = listener->take().release();
    options.useLibUV = false;
  } else {
    wait_for_name(place);
  }
  try {
    auto store = c10::make_intrusive<c10d::TCPStore>(place.address, options);
    state_->store = c10::make_intrusive<c10d::PrefixStore>(fmt::format("wring/{}", place.attempt), std::move(store));
  } catch (const std::exception& error) {
    throw unreachable(place, first_line(error.what()));
  }
}

Rendezvous::~Rendezvous() = default;

Noticeboard Rendezvous::board() const {
  State* state = state_.get();
  return {[state](const std::string& name, const std::string& text) {
            state->store->set(name, std::vector<std::uint8_t>(text.begin(), text.end()));
          },
          [state](const std::string& name) {
            try {
              const std::vector<std::uint8_t> bytes = state->store->get(name);
              return std::string(bytes.begin(), bytes.end());
            } catch (const std::exception& error) {
              throw unreachable(state->place, first_line(error.what()));
            }
          }};
}

}  // namespace wring
