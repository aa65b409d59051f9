#include "wring_train/data/decoded_cache.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wring/base/clock.h"
#include "wring/base/error.h"
#include "wring/files/cache_folder.h"
#include "wring/files/file_errors.h"
#include "wring/files/lock_holder.h"
#include "wring/files/wait_notice.h"
#include "wring_train/data/fingerprint.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kFormat = 3;  // counts changes of the layout or of how images are decoded or shrunk
constexpr auto kLockPause = std::chrono::milliseconds(50);

void add_file(Fingerprint& fingerprint, const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    throw Error(ErrorCode::failed, fmt::format("cannot examine {}: {}", path.string(), std::strerror(errno)));
  }
  fingerprint.add(fs::absolute(path).lexically_normal().string());
  fingerprint.add(static_cast<std::uint64_t>(status.st_size));
  fingerprint.add(static_cast<std::uint64_t>(status.st_mtim.tv_sec));
  fingerprint.add(static_cast<std::uint64_t>(status.st_mtim.tv_nsec));
}

// Images that could not be used when the set was kept may be readable by now (a lost network folder is back): then what
// was kept is out of date. Those that still cannot are reported again.
bool unusable_ones_still_are(const ImageSet& images, const DecodedSet& kept, const DecodeOptions& decode) {
  for (std::size_t i = 0; i < images.pairs.size(); ++i) {
    if (kept.images()[i].hr_width == 0 && decode_image(images, i, decode)) return false;
  }
  return true;
}

// Why an open file of the cache is not to be used, whatever it holds.
std::optional<Text> why_not_trusted(const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return Text("it is not a regular file", "它不是普通文件");
  if (status.st_uid != ::geteuid()) {
    return Text("it belongs to another user (uid {})", "它属于另一用户（uid {}）", status.st_uid);
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return Text("others may write to it", "其他用户可以写入");
  return std::nullopt;
}

bool is_named(const Folder& cache, const std::string& name, int descriptor) {
  struct stat opened {};
  const auto named = cache.status(name);
  return named && ::fstat(descriptor, &opened) == 0 && same_file(opened, *named);
}

// Hidden, so that it is no entry of the cache.
std::string partial_of(const std::string& name) {
  return fmt::format(".{}{}", name, kPartialEnding);
}

// The set's name in the cache as its files are now; empty when one is gone.
std::string name_now(const ImageSet& images, int scale) {
  try {
    return decoded_cache_name(images, scale);
  } catch (const Error&) {
    return {};
  }
}

Text waiting_for(std::optional<pid_t> holder, const fs::path& file) {
  const std::string process = holder ? fmt::format("process {}", *holder) : "another process";
  const std::string process_zh = holder ? fmt::format("进程 {}", *holder) : "另一进程";
  return {
      fmt::format("waiting for {}, which decodes these images (it holds {}); WRING_CACHE_DIR names another folder",
                  process, file.string()),
      fmt::format("等待{}解码这些图像（它锁定了 {}）；可用 WRING_CACHE_DIR 指定其他文件夹", process_zh, file.string())};
}

Text cannot_keep(const fs::path& folder, const Text& reason) {
  return {
      "decoded images are not kept in {}: {}. The next start decodes them again; WRING_CACHE_DIR names "
      "another folder",
      "解码后的图像没有保存到 {}：{}。下次启动需重新解码；可用 WRING_CACHE_DIR 指定其他文件夹", folder.string(),
      reason};
}

}  // namespace

std::string decoded_cache_name(const ImageSet& images, int scale) {
  Fingerprint fingerprint;
  fingerprint.add(kFormat);
  fingerprint.add(static_cast<std::uint64_t>(scale));
  for (std::size_t i = 0; i < images.pairs.size(); ++i) {
    const ImagePair& pair = images.pairs[i];
    fingerprint.add(static_cast<std::uint64_t>(images.sizes[i].width));
    fingerprint.add(static_cast<std::uint64_t>(images.sizes[i].height));
    fingerprint.add(pair.lr ? 1U : 0U);
    add_file(fingerprint, pair.hr);
    if (pair.lr) add_file(fingerprint, *pair.lr);
  }
  return fingerprint.text() + std::string(kCacheEnding);
}

std::shared_ptr<const DecodedSet> DecodedCache::open(const ImageSet& images, const DecodeOptions& decode) {
  hit_ = false;
  checked_s_ = 0;
  if (!options_.folder) return decode_into_memory(images, decode);
  try {
    return open_in(make_cache(*options_.folder), images, decode);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::interrupted) throw;
    note(cannot_keep(*options_.folder, error.message()));
    return decode_into_memory(images, decode);
  }
}

std::shared_ptr<const DecodedSet> DecodedCache::open_in(const Folder& cache, const ImageSet& images,
                                                        const DecodeOptions& decode) {
  const std::string name = decoded_cache_name(images, decode.scale);
  for (;;) {
    if (auto set = open_file(cache, name, images, decode)) {
      hit_ = true;
      return set;
    }
    Descriptor lock = lock_partial(cache, partial_of(name), decode);
    // Who had the lock has renamed the file (look for the result) or removed it (begin again).
    if (!is_named(cache, partial_of(name), lock.get())) continue;
    if (!cache.status(name)) return build(cache, name, images, decode, std::move(lock));
    cache.remove(partial_of(name));
  }
}

std::shared_ptr<const DecodedSet> DecodedCache::open_file(const Folder& cache, const std::string& name,
                                                          const ImageSet& images, const DecodeOptions& decode) {
  const Descriptor file = cache.open_file(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file && errno == ENOENT) return nullptr;
  const auto drop = [&](const Text& why) -> std::shared_ptr<const DecodedSet> {
    const std::string path = cache.path_of(name).string();
    note({"the cache file {} is dropped and made anew: {}", "缓存文件 {} 不可用，将重新生成：{}", path, why});
    if (!cache.remove(name)) throw_unwritable(cache.path_of(name), errno);
    return nullptr;
  };
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return drop(std::strerror(errno));
  if (const auto why = why_not_trusted(status)) return drop(*why);
  MemoryBlock block = MemoryBlock::of_file(file.get(), static_cast<std::size_t>(status.st_size), false);
  const auto began = SteadyClock::now();
  std::string damage;
  auto set = read_decoded_file(std::move(block), name, images, decode, damage);
  if (!set) return drop(damage);
  checked_s_ = seconds_since(began);
  if (!unusable_ones_still_are(images, *set, decode)) {
    cache.remove(name);
    return nullptr;
  }
  mark_used(cache, name);
  return set;
}

void DecodedCache::note(const Text& text) const {
  if (options_.note) options_.note(text);
}

Descriptor DecodedCache::lock_partial(const Folder& cache, const std::string& name, const DecodeOptions& decode) const {
  Descriptor lock = cache.open_file(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
  struct stat status {};
  if (!lock || ::fstat(lock.get(), &status) != 0) throw Error(ErrorCode::failed, std::strerror(errno));
  if (const auto why = why_not_trusted(status)) throw Error(ErrorCode::failed, *why);
  std::optional<WaitNotice> notice;
  while (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) throw Error(ErrorCode::failed, std::strerror(errno));
    if (!notice) notice.emplace(waiting_for(lock_holder(status), cache.path_of(name)));
    if (decode.cancelled && decode.cancelled()) throw_interrupted();
    std::this_thread::sleep_for(kLockPause);
  }
  return lock;
}

std::shared_ptr<const DecodedSet> DecodedCache::decode_into_memory(const ImageSet& images,
                                                                   const DecodeOptions& decode) {
  if (options_.decoding) options_.decoding(static_cast<std::int64_t>(images.pairs.size()));
  return std::make_shared<const DecodedSet>(decode_to_memory(images, decode));
}

std::shared_ptr<const DecodedSet> DecodedCache::build(const Folder& cache, const std::string& name,
                                                      const ImageSet& images, const DecodeOptions& decode,
                                                      Descriptor lock) {
  const std::size_t bytes = decoded_file_bytes(layout_of(images, decode.scale));
  std::shared_ptr<const DecodedSet> set;
  try {
    remove_left_overs(cache);
    claim_disk(cache, lock.get(), bytes);
    MemoryBlock block = MemoryBlock::of_file(lock.get(), bytes, true);
    if (options_.decoding) options_.decoding(static_cast<std::int64_t>(images.pairs.size()));
    set = decode_to_file(std::move(block), name, images, decode);
    if (set->block().lost())
      throw Error(ErrorCode::failed, {"the file was cut short while it was written", "文件在写入时被截短"});
  } catch (...) {
    cache.remove(partial_of(name));
    throw;
  }
  // A file that changed while it was decoded must not be kept under the name of what it was.
  publish(cache, name, set, name_now(images, decode.scale) == name, std::move(lock));
  return set;
}

void DecodedCache::publish(const Folder& cache, const std::string& name, std::shared_ptr<const DecodedSet> set,
                           bool unchanged, Descriptor lock) {
  publisher_ = std::jthread([set = std::move(set), cache = cache.open_in(""), name, unchanged, lock = std::move(lock)] {
    if (!unchanged || !set->block().flush() || set->block().lost() || !cache.rename(partial_of(name), name)) {
      cache.remove(partial_of(name));
    }
    // Closing would not do: the mapping keeps the file open, and with it the lock, as long as the set is used.
    ::flock(lock.get(), LOCK_UN);
  });
}

void DecodedCache::claim_disk(const Folder& cache, int descriptor, std::size_t bytes) const {
  if (!make_room(cache, static_cast<std::int64_t>(bytes), options_.limit_bytes)) {
    throw Error(ErrorCode::failed,
                fmt::format("they take {} MiB, and the cache may hold {} MiB (WRING_CACHE_LIMIT_GIB changes that)",
                            bytes >> 20, options_.limit_bytes >> 20));
  }
  // Before the pages are written to: a mapped page without room on the disk would be lost.
  const bool emptied = ::ftruncate(descriptor, 0) == 0;
  const int error = emptied ? ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes)) : errno;
  if (error != 0) throw Error(ErrorCode::failed, fmt::format("{} MiB: {}", bytes >> 20, std::strerror(error)));
}

}  // namespace wring
