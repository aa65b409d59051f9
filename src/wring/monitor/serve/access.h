#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "wring/base/environment.h"

namespace wring::serve {

// Where the server listens.
struct ListenAddress {
  std::string host;        // numeric: "127.0.0.1", "::1", "0.0.0.0"
  std::uint16_t port = 0;  // 0: a free one
  bool ipv6 = false;
  bool loopback = false;  // only this computer reaches it
};

inline constexpr std::uint16_t kDefaultMonitorPort = 9835;
inline constexpr VariableName kTokenVariable = "WRING_MONITOR_TOKEN";

// "127.0.0.1:9835", "[::1]:9835", "localhost:0", ":9835" and "9835" (both on 127.0.0.1), "0.0.0.0" (the default port).
// Throws Error{usage} for anything else; names other than localhost are not looked up.
ListenAddress parse_listen_address(std::string_view text);

// The token that clients must send: the first line of the file, else the environment's WRING_MONITOR_TOKEN, else "".
// It never stands on the command line, where every user of the computer reads it. Throws Error{usage} for one shorter
// than 16 characters or with blanks or control characters, and for a file that anybody but its owner may use;
// Error{failed} where the file cannot be read or is no regular one.
std::string read_token(const std::optional<std::filesystem::path>& file);

// Throws Error{usage} where an address that others reach is asked for without `allow_remote` and a token.
void check_exposure(const ListenAddress& address, bool allow_remote, std::string_view token);

// Whether a Host header names this computer itself. A web page that has its own name point at 127.0.0.1 (DNS rebinding)
// sends that name, and is refused.
bool is_loopback_host(std::string_view host_header);

// Compares in a time that does not depend on where the two differ.
bool same_token(std::string_view expected, std::string_view given);

}  // namespace wring::serve
