#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace wring::kineto {

// Messages as Kineto writes them: a size of eight bytes, a kind of 32, the body.

inline std::string bytes_of(const std::vector<std::int32_t>& numbers) {
  std::string bytes(numbers.size() * sizeof(std::int32_t), '\0');
  std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return bytes;
}

inline std::string message(const std::string& kind, const std::string& body) {
  const std::uint64_t size = body.size();
  std::string bytes(sizeof size + 32, '\0');
  std::memcpy(bytes.data(), &size, sizeof size);
  kind.copy(bytes.data() + sizeof size, 32);
  return bytes + body;
}

// Of a process and its ancestors. `bits`: 3 where its profiler is at rest, 1 where it records.
inline std::string poll_bytes(const std::vector<std::int32_t>& pids, std::int32_t bits) {
  std::vector<std::int32_t> body = {bits, static_cast<std::int32_t>(pids.size()), 0, 0};
  body.insert(body.end(), pids.begin(), pids.end());
  return message("req", bytes_of(body));
}

}  // namespace wring::kineto
