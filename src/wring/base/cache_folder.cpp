#include "wring/base/cache_folder.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "wring/base/error.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kShareOfDisk = 5;

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

std::optional<std::int64_t> limit_of_environment() {
  const auto given = variable("WRING_CACHE_LIMIT_GIB");
  if (!given || given->empty()) return std::nullopt;
  char* end = nullptr;
  const double gib = std::strtod(given->c_str(), &end);
  if (*end != '\0' || !(gib >= 0) || gib > 1e9) {
    throw Error(ErrorCode::usage,
                {fmt::format("WRING_CACHE_LIMIT_GIB is '{}', which is no number of GiB", *given),
                 fmt::format("WRING_CACHE_LIMIT_GIB 为“{}”，不是 GiB 数值", *given)},
                {"for example: WRING_CACHE_LIMIT_GIB=50", "例如：WRING_CACHE_LIMIT_GIB=50"});
  }
  return static_cast<std::int64_t>(gib * (1 << 30));
}

// The folder itself, or the nearest parent that exists: both lie on the same disk.
fs::path existing_parent(fs::path folder) {
  std::error_code error;
  while (!folder.empty() && !fs::exists(folder, error) && folder.has_parent_path() && folder != folder.parent_path()) {
    folder = folder.parent_path();
  }
  return folder;
}

}  // namespace

std::optional<fs::path> cache_folder() {
  if (const auto given = variable("WRING_CACHE_DIR")) {
    if (given->empty()) return std::nullopt;
    return fs::path(*given);
  }
  const auto xdg = variable("XDG_CACHE_HOME");
  if (xdg && fs::path(*xdg).is_absolute()) return fs::path(*xdg) / "wring";  // the standard says: ignore relative ones
  const auto home = variable("HOME");
  if (home && !home->empty()) return fs::path(*home) / ".cache" / "wring";
  return std::nullopt;
}

std::optional<fs::path> decoded_images_folder() {
  const auto folder = cache_folder();
  return folder ? std::optional(*folder / "images") : std::nullopt;
}

std::vector<CacheEntry> list_cache(const fs::path& folder) {
  std::vector<CacheEntry> entries;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;  // another process may remove what is being listed
    if (at->path().filename().string().starts_with('.') || !at->is_regular_file(gone)) continue;
    CacheEntry entry{at->path(), static_cast<std::int64_t>(at->file_size(gone)), {}};
    if (gone) continue;
    entry.last_used = at->last_write_time(gone);
    if (!gone) entries.push_back(std::move(entry));
  }
  std::ranges::sort(entries, {}, &CacheEntry::last_used);
  return entries;
}

std::int64_t bytes_of(const std::vector<CacheEntry>& entries) {
  return std::accumulate(entries.begin(), entries.end(), std::int64_t{0},
                         [](std::int64_t sum, const CacheEntry& entry) { return sum + entry.bytes; });
}

std::int64_t cache_limit_bytes(const fs::path& folder) {
  if (const auto given = limit_of_environment()) return *given;
  std::error_code error;
  const fs::space_info space = fs::space(existing_parent(folder), error);
  if (error) return 0;
  return (static_cast<std::int64_t>(space.available) + bytes_of(list_cache(folder))) / kShareOfDisk;
}

bool make_room(const fs::path& folder, std::int64_t bytes, std::int64_t limit) {
  if (bytes > limit) return false;
  const std::vector<CacheEntry> entries = list_cache(folder);
  std::int64_t held = bytes_of(entries);
  for (const CacheEntry& entry : entries) {
    if (held + bytes <= limit) break;
    std::error_code error;
    if (fs::remove(entry.path, error) || !error) held -= entry.bytes;
  }
  return held + bytes <= limit;
}

void mark_used(const fs::path& entry) {
  ::utimensat(AT_FDCWD, entry.c_str(), nullptr, 0);
}

}  // namespace wring
