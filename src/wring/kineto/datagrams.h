#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wring::kineto {

// The messages by which PyTorch's profiler (Kineto) in daemon mode asks on a datagram socket what to profile, as
// dynolog's daemon answers them: a header of the body's size and the kind's name in 32 bytes, then the body, all in the
// machine's byte order. Public in facebookincubator/dynolog, src/ipcfabric.

// The longest that is read: a poll has the numbers of the process's ancestors, four bytes each.
inline constexpr std::size_t kLongestDatagram = 4096;

struct Datagram {
  enum class Kind : std::uint8_t { registers, polls } kind = Kind::polls;
  std::int32_t pid = 0;      // as the process itself knows it
  bool can_profile = false;  // of a poll: its profiler is at rest
};

// Absent where it is no such message: another kind, sizes that do not fit, no process.
std::optional<Datagram> parse_datagram(std::string_view bytes);

// That it is registered, as one of so many.
std::string registered_reply(std::int32_t processes);

// What to profile, in Kineto's own `KEY=value` lines; "": nothing now.
std::string config_reply(std::string_view config);

}  // namespace wring::kineto
