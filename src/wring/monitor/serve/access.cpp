#include "wring/monitor/serve/access.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring/base/parse.h"
#include "wring/files/file_errors.h"
#include "wring/files/folder.h"
#include "wring/process/shell_words.h"

namespace wring::serve {
namespace {

constexpr std::size_t kShortestToken = 16;
constexpr std::size_t kLongestTokenFile = 4096;

Error not_an_address(std::string_view text) {
  return Error(ErrorCode::usage, {"--serve: '{}' is not an address and a port", "--serve：“{}”不是地址和端口", text},
               {"for example: --serve 127.0.0.1:9835, --serve [::1]:9835, or --serve 127.0.0.1:0 for a free port",
                "例如：--serve 127.0.0.1:9835、--serve [::1]:9835，或用 --serve 127.0.0.1:0 选取空闲端口"});
}

bool is_ipv4(const std::string& host) {
  in_addr parsed{};
  return ::inet_pton(AF_INET, host.c_str(), &parsed) == 1;
}

bool is_ipv6(const std::string& host) {
  in6_addr parsed{};
  return ::inet_pton(AF_INET6, host.c_str(), &parsed) == 1;
}

// Host and port, the port "" where there is none. "[::1]:80" → "::1", "80".
struct HostAndPort {
  std::string host;
  std::string_view port;
  bool bracketed = false;
};

std::optional<HostAndPort> split(std::string_view text) {
  HostAndPort parts;
  std::string_view rest;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    parts.host = text.substr(1, end - 1);
    parts.bracketed = true;
    rest = text.substr(end + 1);
  } else {
    const auto colon = std::min(text.find(':'), text.size());
    parts.host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  if (!rest.empty() && (rest[0] != ':' || rest.size() == 1)) return std::nullopt;
  if (!rest.empty()) parts.port = rest.substr(1);
  return parts;
}

bool is_loopback(const std::string& host, bool ipv6) {
  in6_addr six{};
  if (ipv6) return ::inet_pton(AF_INET6, host.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
  return host.starts_with("127.");
}

Error token_error(const Text& what) {
  return Error(ErrorCode::usage, what,
               {"make one with: openssl rand -hex 24 > FILE, and give --token-file FILE",
                "可用 openssl rand -hex 24 > FILE 生成，再用 --token-file FILE 指定"});
}

// Who else may read the file knows the token. A FIFO or a device is no place for one, and is not waited for.
std::string first_line_of_private_file(const std::filesystem::path& path) {
  const Descriptor file = open_regular_file(path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) throw_unreadable(path, errno);
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    throw Error(
        ErrorCode::usage,
        {"other users of this computer may use the token in {}", "本机其他用户可访问 {} 中的令牌", path.string()},
        {"keep it to yourself: chmod 600 {}", "请限制访问：chmod 600 {}", shell_quoted_path(path)});
  }
  std::string content(kLongestTokenFile, '\0');
  const ssize_t got = ::pread(file.get(), content.data(), content.size(), 0);
  if (got < 0) throw_unreadable(path, errno);
  content.resize(static_cast<std::size_t>(got));
  return content.substr(0, content.find_first_of("\r\n"));
}

}  // namespace

ListenAddress parse_listen_address(std::string_view text) {
  ListenAddress address;
  if (const auto port = parse_number<std::uint16_t>(text)) {
    address.host = "127.0.0.1";
    address.port = *port;
    address.loopback = true;
    return address;
  }
  const auto parts = split(text);
  if (!parts || text.empty()) throw not_an_address(text);
  address.host = parts->host.empty() || parts->host == "localhost" ? "127.0.0.1" : parts->host;
  address.ipv6 = parts->bracketed;
  if (!(address.ipv6 ? is_ipv6(address.host) : is_ipv4(address.host))) throw not_an_address(text);
  const auto port = parts->port.empty() ? std::optional(kDefaultMonitorPort) : parse_number<std::uint16_t>(parts->port);
  if (!port) throw not_an_address(text);
  address.port = *port;
  address.loopback = is_loopback(address.host, address.ipv6);
  return address;
}

std::string read_token(const std::optional<std::filesystem::path>& file) {
  std::string token = file ? first_line_of_private_file(*file) : std::string(environment(kTokenVariable).value_or(""));
  const auto printable = [](unsigned char c) { return c > 0x20 && c < 0x7F; };
  if (!std::ranges::all_of(token, printable)) {
    throw token_error({"the token has blanks or characters beyond ASCII", "令牌含有空白或非 ASCII 字符"});
  }
  if ((file || !token.empty()) && token.size() < kShortestToken) {
    throw token_error({"the token has fewer than {} characters", "令牌少于 {} 个字符", kShortestToken});
  }
  return token;
}

void check_exposure(const ListenAddress& address, bool allow_remote, std::string_view token) {
  if (address.loopback || (allow_remote && !token.empty())) return;
  if (!allow_remote) {
    throw Error(ErrorCode::usage,
                {"--serve: other computers can reach {}", "--serve：其他计算机可以访问 {}", address.host},
                {"use 127.0.0.1 (and ssh -L from elsewhere), or add --allow-remote and --token-file FILE",
                 "请用 127.0.0.1（从别处可用 ssh -L），或加上 --allow-remote 和 --token-file FILE"});
  }
  throw token_error({"--allow-remote needs a token", "--allow-remote 需要令牌"});
}

bool is_loopback_host(std::string_view host_header) {
  auto parts = split(host_header);
  if (!parts || (!parts->port.empty() && !parse_number<std::uint16_t>(parts->port))) return false;
  std::ranges::transform(parts->host, parts->host.begin(), [](unsigned char c) { return std::tolower(c); });
  if (parts->bracketed) return is_loopback(parts->host, true);
  return parts->host == "localhost" || (is_ipv4(parts->host) && is_loopback(parts->host, false));
}

bool same_token(std::string_view expected, std::string_view given) {
  // The length of what was given is no secret; all of it is looked at whatever the first characters are.
  unsigned difference = expected.size() == given.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const char own = expected.empty() ? '\0' : expected[i % expected.size()];
    difference |= static_cast<unsigned char>(own) ^ static_cast<unsigned char>(given[i]);
  }
  return difference == 0 && !expected.empty();
}

}  // namespace wring::serve
