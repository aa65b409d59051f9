#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wring/files/folder.h"

namespace wring {

// Where Wring keeps what it can compute again: WRING_CACHE_DIR, else $XDG_CACHE_HOME/wring, else ~/.cache/wring.
// nullopt when WRING_CACHE_DIR is empty ("keep nothing") or none of them is set. The folder need not exist.
std::optional<std::filesystem::path> cache_folder();

// The part of it for decoded training images: a folder of this user alone (decoded-UID), so that users who share
// WRING_CACHE_DIR never read each other's sets, and nothing of theirs is touched.
std::optional<std::filesystem::path> decoded_images_folder();

// That folder, opened; find: nothing where there is none. Throws Error{failed} where it belongs to another user, or
// others may write to it, or it is a link.
std::optional<Folder> find_cache(const std::filesystem::path& folder);
Folder make_cache(const std::filesystem::path& folder);

// An entry is named by 32 hexadecimal digits and this. Whatever else lies in the folder is not Wring's: it is neither
// listed nor counted nor removed.
inline constexpr std::string_view kCacheEnding = ".wring-set";
// Behind the entry's name, with a dot before it, while it is written; it is locked then.
inline constexpr std::string_view kPartialEnding = ".partial";

struct CacheEntry {
  std::string name;
  std::int64_t bytes = 0;
  std::int64_t last_used_ns = 0;  // since 1970
};

// The least recently used first.
std::vector<CacheEntry> list_cache(const Folder& cache);

std::int64_t bytes_of(const std::vector<CacheEntry>& entries);

// What a cache folder may hold: WRING_CACHE_LIMIT_GIB, else a fifth of what the disk has free and the cache holds
// already. Throws Error{usage} when the variable is no number of GiB.
std::int64_t cache_limit_bytes(const std::filesystem::path& folder);

// Removes the least recently used entries until `bytes` more fit under `limit`; says whether they do. Programs that
// have a removed entry mapped keep it until they end.
bool make_room(const Folder& cache, std::int64_t bytes, std::int64_t limit);

// Removes what is no entry but Wring's own: what killed processes were writing, and the sets of earlier versions, which
// lay in the folder "images" beside this one.
void remove_left_overs(const Folder& cache);

// Marks an entry as used now. A folder that cannot be written to keeps its order.
void mark_used(const Folder& cache, const std::string& entry);

}  // namespace wring
