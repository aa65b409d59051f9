#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace wring {

// Where Wring keeps what it can compute again: WRING_CACHE_DIR, else $XDG_CACHE_HOME/wring, else ~/.cache/wring.
// nullopt when WRING_CACHE_DIR is empty ("keep nothing") or none of them is set. The folder need not exist.
std::optional<std::filesystem::path> cache_folder();

// The part of it for decoded training images.
std::optional<std::filesystem::path> decoded_images_folder();

struct CacheEntry {
  std::filesystem::path path;
  std::int64_t bytes = 0;
  std::filesystem::file_time_type last_used;
};

// The entries of a cache folder (regular files that do not begin with a dot), least recently used first. Empty when the
// folder does not exist or cannot be read.
std::vector<CacheEntry> list_cache(const std::filesystem::path& folder);

std::int64_t bytes_of(const std::vector<CacheEntry>& entries);

// What a cache folder may hold: WRING_CACHE_LIMIT_GIB, else a fifth of what the disk has free and the cache holds
// already. Throws Error{usage} when the variable is no number of GiB.
std::int64_t cache_limit_bytes(const std::filesystem::path& folder);

// Removes the least recently used entries until `bytes` more fit under `limit`; says whether they do. Programs that
// have a removed entry mapped keep it until they end.
bool make_room(const std::filesystem::path& folder, std::int64_t bytes, std::int64_t limit);

// Marks an entry as used now. A folder that cannot be written to keeps its order.
void mark_used(const std::filesystem::path& entry);

}  // namespace wring
