#include "wring_train/data/decoded_cache.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wring/base/cache_folder.h"
#include "wring/base/error.h"
#include "wring/base/files.h"
#include "wring_train/data/decoded_file.h"
#include "wring_train/data/random.h"

namespace wring {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kFormat = 1;  // counts changes of the layout or of how images are decoded or shrunk
constexpr auto kLockPause = std::chrono::milliseconds(50);

// Two chains of mix64 over the same words: 128 bits, so that two sets never share a name.
class Fingerprint {
 public:
  void add(std::uint64_t word) {
    a_ = mix64(a_ ^ word);
    b_ = mix64(b_ + mix64(word));
  }
  void add(const std::string& text) {
    add(text.size());
    for (std::size_t i = 0; i < text.size(); i += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data() + i, std::min(sizeof word, text.size() - i));
      add(word);
    }
  }
  std::string text() const { return fmt::format("{:016x}{:016x}", a_, b_); }

 private:
  std::uint64_t a_ = 1;
  std::uint64_t b_ = 2;
};

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
bool unusable_ones_still_are(const ImageSet& images, const DecodedLayout& layout, const DecodeOptions& decode) {
  DecodedLayout one_by_one = layout_of(images, decode.scale);
  for (std::size_t i = 0; i < layout.images.size(); ++i) {
    if (layout.images[i].hr_width > 0) continue;
    const StoredImage& place = one_by_one.images[i];
    const std::uint64_t end = i + 1 < layout.images.size() ? one_by_one.images[i + 1].hr_offset : one_by_one.bytes;
    std::vector<std::uint8_t> bytes(end - place.hr_offset);
    ImageSet single{{images.pairs[i]}, {images.sizes[i]}, {}};
    DecodedLayout single_layout = layout_of(single, decode.scale);
    if (decode_image(single, 0, decode, bytes, single_layout)) return false;
  }
  return true;
}

// The set in `file`, or nothing: it does not exist, or it is damaged, which is told and ends it.
std::shared_ptr<const DecodedSet> open_file(const fs::path& file, const ImageSet& images, const DecodeOptions& decode,
                                            const std::function<void(const Text&)>& note) {
  const Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!descriptor) return nullptr;
  struct stat status {};
  ::fstat(descriptor.get(), &status);
  DecodedLayout layout = layout_of(images, decode.scale);
  MemoryBlock block = MemoryBlock::of_file(descriptor.get(), static_cast<std::size_t>(status.st_size), false);
  const auto damage = read_decoded_header(block.bytes(), layout, file.filename().string());
  if (damage) {
    note({fmt::format("the cache file {} is dropped and made anew: {}", file.string(), *damage),
          fmt::format("缓存文件 {} 已损坏，将重新生成：{}", file.string(), *damage)});
  }
  if (damage || !unusable_ones_still_are(images, layout, decode)) {
    std::error_code ignored;
    fs::remove(file, ignored);
    return nullptr;
  }
  mark_used(file);
  block.will_need();
  const std::size_t start = decoded_block_start(layout);
  return std::make_shared<const DecodedSet>(std::move(block), start, std::move(layout));
}

bool is_at(int descriptor, const fs::path& path) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
         opened.st_dev == named.st_dev;
}

// Hidden, so that it is no entry of the cache.
fs::path partial_of(const fs::path& file) {
  return file.parent_path() / fmt::format(".{}.partial", file.filename().string());
}

// The set's name in the cache as its files are now; empty when one is gone.
fs::path name_now(const ImageSet& images, int scale) {
  try {
    return decoded_cache_name(images, scale);
  } catch (const Error&) {
    return {};
  }
}

Text cannot_keep(const fs::path& folder, const std::string& reason) {
  return {fmt::format("decoded images are not kept in {}: {}. The next start decodes them again; WRING_CACHE_DIR names "
                      "another folder",
                      folder.string(), reason),
          fmt::format("解码后的图像没有保存到 {}：{}。下次启动需重新解码；可用 WRING_CACHE_DIR 指定其他文件夹",
                      folder.string(), reason)};
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
  return fingerprint.text() + ".images";
}

std::shared_ptr<const DecodedSet> DecodedCache::open(const ImageSet& images, const DecodeOptions& decode) {
  hit_ = false;
  if (!options_.folder) return decode_into_memory(images, decode);
  try {
    const fs::path file = *options_.folder / decoded_cache_name(images, decode.scale);
    for (;;) {
      if (auto set = open_file(file, images, decode, [this](const Text& text) { note(text); })) {
        hit_ = true;
        return set;
      }
      make_folder(*options_.folder);
      Descriptor lock = lock_partial(partial_of(file), decode);
      // Who had the lock has renamed the file (look for the result) or removed it (begin again).
      if (!is_at(lock.get(), partial_of(file))) continue;
      std::error_code ignored;
      if (!fs::exists(file, ignored)) return build(images, decode, file, std::move(lock));
      fs::remove(partial_of(file), ignored);
    }
  } catch (const Error& error) {
    if (error.code() == ErrorCode::interrupted) throw;
    note(cannot_keep(*options_.folder, error.what()));
    return decode_into_memory(images, decode);
  }
}

void DecodedCache::note(const Text& text) const {
  if (options_.note) options_.note(text);
}

Descriptor DecodedCache::lock_partial(const fs::path& partial, const DecodeOptions& decode) const {
  Descriptor lock(::open(partial.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) throw Error(ErrorCode::failed, std::strerror(errno));
  for (bool told = false; ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0; told = true) {
    if (errno != EWOULDBLOCK && errno != EINTR) throw Error(ErrorCode::failed, std::strerror(errno));
    if (!told) {
      note({"another process is decoding these images; waiting for it", "另一个进程正在解码这些图像，等待中"});
    }
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

std::shared_ptr<const DecodedSet> DecodedCache::build(const ImageSet& images, const DecodeOptions& decode,
                                                      const fs::path& file, Descriptor lock) {
  DecodedLayout layout = layout_of(images, decode.scale);
  const std::size_t bytes = decoded_file_bytes(layout);
  MemoryBlock block;
  try {
    claim_disk(lock.get(), file.parent_path(), bytes);
    block = MemoryBlock::of_file(lock.get(), bytes, true);
    if (options_.decoding) options_.decoding(static_cast<std::int64_t>(images.pairs.size()));
    decode_images(images, decode, block.bytes().subspan(decoded_block_start(layout)), layout);
  } catch (...) {
    std::error_code ignored;
    fs::remove(partial_of(file), ignored);
    throw;
  }
  write_decoded_header(block.bytes(), layout, file.filename().string());
  block.make_read_only();
  const std::size_t start = decoded_block_start(layout);
  auto set = std::make_shared<const DecodedSet>(std::move(block), start, std::move(layout));
  // A file that changed while it was decoded must not be kept under the name of what it was.
  const bool unchanged = name_now(images, decode.scale) == file.filename();
  publisher_ = std::jthread([set, file, unchanged, lock = std::move(lock)] {
    std::error_code ignored;
    if (unchanged && set->block().flush()) {
      fs::rename(partial_of(file), file, ignored);
    } else {
      fs::remove(partial_of(file), ignored);
    }
    // Closing would not do: the mapping keeps the file open, and with it the lock, as long as the set is used.
    ::flock(lock.get(), LOCK_UN);
  });
  return set;
}

void DecodedCache::claim_disk(int descriptor, const fs::path& folder, std::size_t bytes) const {
  if (!make_room(folder, static_cast<std::int64_t>(bytes), options_.limit_bytes)) {
    throw Error(ErrorCode::failed,
                fmt::format("they take {} MiB, and the cache may hold {} MiB (WRING_CACHE_LIMIT_GIB changes that)",
                            bytes >> 20, options_.limit_bytes >> 20));
  }
  // Before the pages are written to: a mapped page without room on the disk would be a fatal signal.
  const bool emptied = ::ftruncate(descriptor, 0) == 0;
  const int error = emptied ? ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes)) : errno;
  if (error != 0) throw Error(ErrorCode::failed, fmt::format("{} MiB: {}", bytes >> 20, std::strerror(error)));
}

}  // namespace wring
