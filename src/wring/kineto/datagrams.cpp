#include "wring/kineto/datagrams.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace wring::kineto {
namespace {

constexpr std::size_t kKindBytes = 32;
constexpr std::size_t kHeaderBytes = sizeof(std::uint64_t) + kKindBytes;
constexpr std::string_view kRegisters = "ctxt", kPolls = "req";
constexpr std::int32_t kActivities = 2;  // of a poll's bits: a trace may be asked for

// ctxt: GPU, process, job. req: bits, count of processes, job, then the processes, its own first.
constexpr std::size_t kContextBytes = 16;
constexpr std::size_t kPollBytes = 16;

std::int32_t int32_at(std::string_view body, std::size_t offset) {
  std::int32_t value = 0;
  std::memcpy(&value, body.data() + offset, sizeof value);
  return value;
}

std::string datagram(std::string_view kind, std::string_view body) {
  std::array<char, kKindBytes> name{};
  std::ranges::copy(kind, name.begin());
  const std::uint64_t size = body.size();
  std::string bytes(sizeof size, '\0');
  std::memcpy(bytes.data(), &size, sizeof size);
  bytes.append(name.data(), name.size()).append(body);
  return bytes;
}

}  // namespace

std::optional<Datagram> parse_datagram(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || bytes.size() > kLongestDatagram) return std::nullopt;
  std::uint64_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof size);
  std::string_view kind = bytes.substr(sizeof size, kKindBytes);
  kind = kind.substr(0, kind.find('\0'));
  const std::string_view body = bytes.substr(kHeaderBytes);
  if (size != body.size()) return std::nullopt;
  Datagram read;
  if (kind == kRegisters && size == kContextBytes) {
    read.kind = Datagram::Kind::registers;
    read.pid = int32_at(body, 4);
  } else if (kind == kPolls && size > kPollBytes) {
    const std::int32_t count = int32_at(body, 4);
    if (count < 1 || size != kPollBytes + sizeof(std::int32_t) * static_cast<std::uint64_t>(count)) return std::nullopt;
    read.can_profile = (int32_at(body, 0) & kActivities) != 0;
    read.pid = int32_at(body, kPollBytes);
  } else {
    return std::nullopt;
  }
  return read.pid > 0 ? std::optional(read) : std::nullopt;
}

std::string registered_reply(std::int32_t processes) {
  std::string body(sizeof processes, '\0');
  std::memcpy(body.data(), &processes, sizeof processes);
  return datagram(kRegisters, body);
}

std::string config_reply(std::string_view config) {
  return datagram(kPolls, config);
}

}  // namespace wring::kineto
