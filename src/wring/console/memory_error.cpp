#include "wring/console/memory_error.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <sys/resource.h>

#include "wring/base/parse.h"
#include "wring/base/system_memory.h"

namespace wring {
namespace {

std::string size_text(std::int64_t bytes) {
  constexpr double kMib = 1 << 20;
  const double mib = static_cast<double>(bytes) / kMib;
  return mib < 1024 ? fmt::format("{:.1f} MiB", mib) : fmt::format("{:.1f} GiB", mib / 1024);
}

std::optional<std::int64_t> address_space_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  return static_cast<std::int64_t>(limit.rlim_cur);
}

}  // namespace

Error memory_ended(std::optional<std::int64_t> asked_bytes, const Text& cure) {
  Text what("the memory of this computer ended", "本机内存不足");
  const auto add = [&what](const Text& more) { what = {"{}{}", "{}{}", what, more}; };
  if (asked_bytes) {
    const std::string asked = size_text(*asked_bytes);
    add({": {} more were asked for", "：还需要 {}", asked});
  }
  const std::optional<std::int64_t> limit = address_space_limit();
  const ProcessMemory peak = process_memory_peak();
  // A limit counts addresses, which are more than what is in memory.
  const std::optional<std::int64_t> counted = limit ? peak.virtual_bytes : peak.resident_bytes;
  if (limit) {
    add({"; this process may have {} (ulimit -v)", "；本进程上限为 {}（ulimit -v）", size_text(*limit)});
  }
  if (counted) {
    add({"; it has had {} at most", "；峰值为 {}", size_text(*counted)});
  }
  return {ErrorCode::failed, what, cure};
}

std::optional<std::int64_t> bytes_denied(std::string_view message) {
  constexpr std::string_view kAllocator = "DefaultCPUAllocator";
  constexpr std::string_view kTried = "tried to allocate ";
  const std::size_t at = message.find(kTried, std::min(message.find(kAllocator), message.size()));
  if (at == std::string_view::npos) return std::nullopt;
  return parse_leading<std::int64_t>(message.substr(at + kTried.size()));
}

}  // namespace wring
