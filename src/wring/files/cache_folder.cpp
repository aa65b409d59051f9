#include "wring/files/cache_folder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <numeric>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wring/base/environment.h"
#include "wring/base/error.h"
#include "wring/base/parse.h"
#include "wring/files/file_errors.h"
#include "wring/files/files.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kShareOfDisk = 5;

std::optional<std::int64_t> limit_of_environment() {
  const auto given = environment("WRING_CACHE_LIMIT_GIB");
  if (!given) return std::nullopt;
  const std::string text(*given);
  const double gib = parse_c_number(text).value_or(-1);
  const double bytes = gib * (1 << 30);
  const bool tiny = gib > 0 && bytes < 1;  // which would be none at all
  if (!(gib >= 0) || gib > 1e9 || tiny) {
    throw Error(ErrorCode::usage,
                {"WRING_CACHE_LIMIT_GIB is '{}', which is no number of GiB",
                 "WRING_CACHE_LIMIT_GIB 为“{}”，不是 GiB 数值", text},
                {"for example: WRING_CACHE_LIMIT_GIB=50; or unset it", "例如：WRING_CACHE_LIMIT_GIB=50；或取消该变量"});
  }
  return static_cast<std::int64_t>(bytes);
}

// The folder itself, or the nearest parent that exists: both lie on the same disk.
fs::path existing_parent(fs::path folder) {
  std::error_code error;
  while (!folder.empty() && !fs::exists(folder, error) && folder.has_parent_path() && folder != folder.parent_path()) {
    folder = folder.parent_path();
  }
  return folder;
}

// 32 hexadecimal digits, then the ending.
bool is_named_set(std::string_view name, std::string_view ending) {
  constexpr std::size_t kDigits = 32;
  return name.size() == kDigits + ending.size() && name.ends_with(ending) &&
         name.substr(0, kDigits).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_partial(std::string_view name) {
  return name.starts_with('.') && is_named_set(name.substr(1), std::string(kCacheEnding) + std::string(kPartialEnding));
}

[[noreturn]] void refuse_cache(const fs::path& folder, const Text& why) {
  throw Error(ErrorCode::failed,
              {"the cache folder {} is not used: {}", "不使用缓存文件夹 {}：{}", folder.string(), why},
              {"remove it, or name another place by WRING_CACHE_DIR", "请删除它，或用 WRING_CACHE_DIR 指定其他位置"});
}

void check_ours(const Folder& cache, const fs::path& folder) {
  struct stat named {};
  struct stat opened {};
  const bool known = ::lstat(folder.c_str(), &named) == 0 && ::fstat(cache.descriptor(), &opened) == 0;
  if (!known || !same_file(named, opened)) {
    refuse_cache(folder, {"it is a link", "它是一个链接"});
  }
  if (opened.st_uid != ::geteuid()) {
    refuse_cache(folder, {"it belongs to another user (uid {})", "它属于另一用户（uid {}）", opened.st_uid});
  }
  if ((opened.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    refuse_cache(folder, {"others may write to it", "其他用户可以写入"});
  }
}

// Whether a file that an earlier version would have named so is a set: by its first bytes.
bool is_earlier_set(const Folder& images, const std::string& name) {
  constexpr std::string_view kMagic = "wring decoded 1";
  const Descriptor file = images.open_file(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  struct stat status {};
  std::array<char, kMagic.size()> start{};
  return file && ::fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == ::geteuid() &&
         ::read(file.get(), start.data(), start.size()) == static_cast<ssize_t>(start.size()) &&
         std::string_view(start.data(), start.size()) == kMagic;
}

}  // namespace

std::optional<fs::path> cache_folder() {
  if (const auto given = environment("WRING_CACHE_DIR")) {
    if (given->empty()) return std::nullopt;
    return fs::path(*given);
  }
  const auto xdg = environment("XDG_CACHE_HOME");
  if (xdg && fs::path(*xdg).is_absolute()) return fs::path(*xdg) / "wring";  // the standard says: ignore relative ones
  const auto home = environment("HOME");
  if (home && !home->empty()) return fs::path(*home) / ".cache" / "wring";
  return std::nullopt;
}

std::optional<fs::path> decoded_images_folder() {
  const auto folder = cache_folder();
  return folder ? std::optional(*folder / fmt::format("decoded-{}", ::geteuid())) : std::nullopt;
}

std::optional<Folder> find_cache(const fs::path& folder) {
  auto cache = Folder::find(folder);
  if (cache) check_ours(*cache, folder);
  return cache;
}

Folder make_cache(const fs::path& folder) {
  if (auto cache = find_cache(folder)) return std::move(*cache);
  make_folder(folder.parent_path());
  if (::mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) throw_unwritable(folder, errno);
  Folder cache = Folder::open(folder);
  check_ours(cache, folder);
  return cache;
}

std::vector<CacheEntry> list_cache(const Folder& cache) {
  std::vector<CacheEntry> entries;
  for (std::string& name : cache.names()) {
    const auto status = is_named_set(name, kCacheEnding) ? cache.status(name) : std::nullopt;  // it may be gone by now
    if (!status || !S_ISREG(status->st_mode)) continue;
    constexpr std::int64_t kNsOfSecond = 1'000'000'000;
    entries.push_back(
        {std::move(name), status->st_size, status->st_mtim.tv_sec * kNsOfSecond + status->st_mtim.tv_nsec});
  }
  std::ranges::sort(entries, {}, &CacheEntry::last_used_ns);
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
  std::int64_t held = 0;
  try {
    if (const auto cache = Folder::find(folder)) held = bytes_of(list_cache(*cache));
  } catch (const Unreadable&) {  // who opens the cache says so
  }
  return (static_cast<std::int64_t>(space.available) + held) / kShareOfDisk;
}

bool make_room(const Folder& cache, std::int64_t bytes, std::int64_t limit) {
  if (bytes > limit) return false;
  const std::vector<CacheEntry> entries = list_cache(cache);
  std::int64_t held = bytes_of(entries);
  for (const CacheEntry& entry : entries) {
    if (held + bytes <= limit) break;
    if (cache.remove(entry.name)) held -= entry.bytes;
  }
  return held + bytes <= limit;
}

void remove_left_overs(const Folder& cache) {
  for (const std::string& name : cache.names()) {
    if (!is_partial(name)) continue;
    const Descriptor file = cache.open_file(name, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    if (file && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) cache.remove(name);  // locked: it is being written
  }
  try {
    const auto images = cache.find_in("../images");
    if (!images) return;
    for (const std::string& name : images->names()) {
      if (is_named_set(name, ".images") && is_earlier_set(*images, name)) images->remove(name);
    }
  } catch (const Unreadable&) {  // then there is nothing of ours in it
  }
}

void mark_used(const Folder& cache, const std::string& entry) {
  ::utimensat(cache.descriptor(), entry.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
}

}  // namespace wring
