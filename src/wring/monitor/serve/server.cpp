// The only file that includes Boost: Beast reads and writes HTTP, Asio moves the bytes.
#include "wring/monitor/serve/server.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <list>
#include <optional>
#include <system_error>
#include <thread>
#include <tuple>

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring/monitor/serve/routes.h"

namespace wring::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using std::chrono::seconds;

constexpr std::size_t kMostConnections = 64;
constexpr std::size_t kMostOfOnePeer = 48;  // so that other computers find room beside it
constexpr std::uint32_t kHeaderLimitBytes = 8 * 1024;
constexpr seconds kFirstRequestLimit{3};  // to send a whole request, however slowly
constexpr seconds kRequestLimit{10};      // the same for the next one; also how long a connection may idle
constexpr seconds kReplyLimit{20};        // to take the whole answer
constexpr seconds kLingerLimit{2};
constexpr seconds kAcceptPause{1};

// --- One connection ------------------------------------------------------------------------------------------------

class Connection;

// The connections that are open, the oldest first.
using Connections = std::list<Connection*>;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, asio::ip::address peer, ServerRoutes& routes, Connections& all)
      : stream_(std::move(socket)), peer_(std::move(peer)), routes_(routes), all_(all) {
    all_.push_back(this);
  }
  ~Connection() { all_.remove(this); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const asio::ip::address& peer() const { return peer_; }
  bool waits() const { return waits_; }  // for a request that is not here yet
  bool silent() const { return waits_ && !answered_; }

  // It counts no more at once, though its last handler runs later.
  void close() {
    all_.remove(this);
    beast::error_code ignored;
    std::ignore = stream_.socket().close(ignored);
  }

  void read() {
    parser_.emplace();
    parser_->header_limit(kHeaderLimitBytes);
    // One deadline for the whole request, so that drops of bytes do not renew it.
    stream_.expires_after(answered_ ? kRequestLimit : kFirstRequestLimit);
    waits_ = true;
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](beast::error_code error, std::size_t) { self->on_read(error); });
  }

 private:
  void on_read(beast::error_code error) {
    waits_ = false;
    if (!error) return answer();
    if (error == http::error::end_of_stream || error.category() != http_category()) return close();
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      return reply(error_reply(431, "the headers are too large"), false);
    }
    if (error == http::error::unexpected_body) {
      return reply(error_reply(413, "requests have no body here"), false);
    }
    if (error == http::error::partial_message) return close();
    reply(error_reply(400, "this is no HTTP/1.1 request"), false);
  }

  void answer() {
    for (const http::field name : {http::field::host, http::field::authorization}) {
      // Which one counts is for others to say (RFC 9112, section 3.2): a proxy before us may have read the other one.
      if (parser_->get().count(name) < 2) continue;
      return reply(error_reply(400, fmt::format("there are several {} headers", std::string(http::to_string(name)))),
                   false);
    }
    reply(routes_.answer(request()), parser_->get().keep_alive());
  }

  static const beast::error_category& http_category() {
    static const beast::error_code any = http::error::bad_version;
    return any.category();
  }

  HttpRequest request() const {
    const auto& message = parser_->get();
    const auto header = [&message](http::field name) -> std::optional<std::string> {
      const auto at = message.find(name);
      if (at == message.end()) return std::nullopt;
      return std::string(at->value().data(), at->value().size());
    };
    const auto text = [](beast::string_view view) { return std::string(view.data(), view.size()); };
    return {text(message.method_string()), text(message.target()), header(http::field::host),
            header(http::field::authorization), header(http::field::accept_language)};
  }

  void reply(HttpReply reply, bool keep_alive) {
    response_.emplace(static_cast<http::status>(reply.status), 11);
    response_->set(http::field::server, "wring");
    for (const auto& [name, value] : security_headers()) response_->set(name, value);
    for (const auto& [name, value] : reply.headers) response_->set(name, value);
    if (!reply.content_type.empty()) response_->set(http::field::content_type, reply.content_type);
    response_->keep_alive(keep_alive);
    answered_ = true;
    if (reply.status != 204) response_->content_length(reply.body.size());
    // HEAD gets the headers of GET, the length included, and no body.
    if (parser_->get().method() != http::verb::head) response_->body() = std::move(reply.body);
    stream_.expires_after(kReplyLimit);
    http::async_write(stream_, *response_,
                      [self = shared_from_this(), keep_alive](beast::error_code error, std::size_t) {
                        if (error) return self->close();
                        keep_alive ? self->read() : self->linger();
                      });
  }

  // A close with unread bytes would reset the connection, and the answer could be lost on its way.
  void linger() {
    beast::error_code ignored;
    std::ignore = stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream_.expires_after(kLingerLimit);
    drain();
  }
  void drain() {
    stream_.async_read_some(asio::buffer(rest_), [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (!error) self->drain();  // until the deadline or the client's own end
    });
  }

  beast::tcp_stream stream_;
  const asio::ip::address peer_;
  ServerRoutes& routes_;
  Connections& all_;
  bool waits_ = false;
  bool answered_ = false;  // at least once
  beast::flat_buffer buffer_{kHeaderLimitBytes + 1024};
  std::optional<http::request_parser<http::empty_body>> parser_;
  std::optional<http::response<http::string_body>> response_;
  std::array<char, 4096> rest_{};
};

// Makes room for one more of this peer where there is none, by closing the oldest connection: one that has never asked
// anything, else one that asks nothing now, else one that is slow to take its answer.
void make_room(const Connections& all, const asio::ip::address& peer) {
  const auto is_of_peer = [&](const Connection* one) { return one->peer() == peer; };
  const bool crowded = static_cast<std::size_t>(std::ranges::count_if(all, is_of_peer)) >= kMostOfOnePeer;
  if (!crowded && all.size() < kMostConnections) return;
  const auto close_oldest = [&](auto wanted) {
    const auto found =
        std::ranges::find_if(all, [&](const Connection* one) { return wanted(*one) && (!crowded || is_of_peer(one)); });
    if (found == all.end()) return false;
    (*found)->close();
    return true;
  };
  close_oldest([](const Connection& one) { return one.silent(); }) ||
      close_oldest([](const Connection& one) { return one.waits(); }) ||
      close_oldest([](const Connection&) { return true; });
}

// --- Listening -----------------------------------------------------------------------------------------------------

std::string host_and_port(const std::string& host, bool ipv6, std::uint16_t port) {
  return ipv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

Error cannot_listen(const ListenAddress& address, int code) {
  const std::string where = host_and_port(address.host, address.ipv6, address.port);
  Text cure{"give another address with --serve", "请用 --serve 指定其他地址"};
  if (code == EADDRINUSE) {
    cure = {"give another port, or 0 for a free one; ss -ltnp 'sport = :{}' shows who has it",
            "请换一个端口，或用 0 选取空闲端口；ss -ltnp 'sport = :{}' 可查看占用者", address.port};
  } else if (code == EACCES) {
    cure = {"ports below 1024 need root: give a higher one", "1024 以下的端口需要 root 权限：请用更大的端口"};
  } else if (code == EADDRNOTAVAIL) {
    cure = {"this computer does not have that address: see ip addr", "本机没有该地址：请查看 ip addr"};
  }
  const std::string reason = std::generic_category().message(code);
  return Error(ErrorCode::failed, {"cannot listen on {}: {}", "无法监听 {}：{}", where, reason}, cure);
}

// Asio's own sockets are inherited by programs that are started, which would keep the port after the monitor's end.
int listening_socket(const ListenAddress& address) {
  const auto endpoint = tcp::endpoint(asio::ip::make_address(address.host), address.port);
  const int descriptor = ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) throw cannot_listen(address, errno);
  const int on = 1;
  ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.ipv6) ::setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(descriptor, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
      ::listen(descriptor, SOMAXCONN) != 0) {
    const int code = errno;
    ::close(descriptor);
    throw cannot_listen(address, code);
  }
  return descriptor;
}

std::string url_of(const ListenAddress& address, const std::string& host_name, std::uint16_t port) {
  const bool any = address.host == "0.0.0.0" || address.host == "::";
  return fmt::format("http://{}/",
                     any ? host_and_port(host_name, false, port) : host_and_port(address.host, address.ipv6, port));
}

}  // namespace

struct MonitorServer::State {
  State(ServerOptions options, int descriptor)
      : served(std::move(options.facts)),
        history(served.facts().gpus.size()),
        routes({served, history, std::move(options.run), std::move(options.recent), options.address.loopback,
                std::move(options.token)}),
        acceptor(io, options.address.ipv6 ? tcp::v6() : tcp::v4(), descriptor),
        retry(io),
        url(url_of(options.address, served.facts().host_name, acceptor.local_endpoint().port())) {}

  void accept() {
    acceptor.async_accept([this](beast::error_code error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (error) return accept_later();
      accept();
      ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
      beast::error_code gone;
      const asio::ip::address peer = socket.remote_endpoint(gone).address();
      if (gone) return;
      make_room(connections, peer);
      std::make_shared<Connection>(std::move(socket), peer, routes, connections)->read();
    });
  }

  // No descriptors are left, most likely: trying again at once would only burn a core.
  void accept_later() {
    retry.expires_after(kAcceptPause);
    retry.async_wait([this](beast::error_code error) {
      if (!error) accept();
    });
  }

  ServedState served;
  PlotHistory history;
  ServerRoutes routes;
  Connections connections;
  asio::io_context io{1};  // after `connections`: those that it still holds take themselves out
  tcp::acceptor acceptor;
  asio::steady_timer retry;
  std::string url;
  std::thread thread;
};

MonitorServer::MonitorServer(ServerOptions options) {
  check_exposure(options.address, options.allow_remote, options.token);
  const int descriptor = listening_socket(options.address);
  state_ = std::make_unique<State>(std::move(options), descriptor);
}

MonitorServer::~MonitorServer() {
  state_->io.stop();
  if (state_->thread.joinable()) state_->thread.join();
}

const std::string& MonitorServer::url() const {
  return state_->url;
}

void MonitorServer::start() {
  state_->accept();
  state_->thread = std::thread([state = state_.get()] {
    for (;;) {
      try {
        state->io.run();
        return;
      } catch (const std::exception&) {
        // One answer could not be made (memory); its connection is gone, the others go on.
      }
    }
  });
}

void MonitorServer::on_tick(const Tick& tick) {
  state_->served.on_tick(tick);
  state_->history.on_tick(tick);
}

}  // namespace wring::serve
