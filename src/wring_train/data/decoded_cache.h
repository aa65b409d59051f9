#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "wring/base/descriptor.h"
#include "wring/base/text.h"
#include "wring_train/data/decoded_set.h"

namespace wring {

struct DecodedCacheOptions {
  std::optional<std::filesystem::path> folder;  // nullopt: decode into memory, keep nothing
  std::int64_t limit_bytes = 0;                 // of everything in the folder
  std::function<void(const Text&)> note;  // what the user should know: damage, no room, waiting for another process
  std::function<void(std::int64_t total)> decoding;  // called before images are decoded, which takes a while
};

// A decoded set on disk: a file that is mapped, so that a second start decodes nothing and several processes share the
// memory. Its name follows from the path, size and time of change of every image file, the scale, and the format, so a
// changed file means another name. It is built under a lock beside its place and renamed once it is on disk: no process
// ever sees half of it, several that need the same set let one build it, and what a killed one left is built anew.
class DecodedCache {
 public:
  explicit DecodedCache(DecodedCacheOptions options) : options_(std::move(options)) {}
  ~DecodedCache() = default;  // waits until what was decoded is on disk

  // The set from the cache, or decoded and kept there. Never fails for the cache's sake: without a place to write the
  // set is decoded into memory, with a note. Throws Error{interrupted} when cancelled.
  std::shared_ptr<const DecodedSet> open(const ImageSet& images, const DecodeOptions& decode);

  // Whether the last open() found the set on disk.
  bool hit() const { return hit_; }

 private:
  void note(const Text& text) const;
  // The file that the set is built in, locked; waits for the process that builds it.
  Descriptor lock_partial(const std::filesystem::path& partial, const DecodeOptions& decode) const;
  std::shared_ptr<const DecodedSet> decode_into_memory(const ImageSet& images, const DecodeOptions& decode);
  std::shared_ptr<const DecodedSet> build(const ImageSet& images, const DecodeOptions& decode,
                                          const std::filesystem::path& file, Descriptor lock);
  void claim_disk(int descriptor, const std::filesystem::path& folder, std::size_t bytes) const;

  DecodedCacheOptions options_;
  bool hit_ = false;
  std::jthread publisher_;
};

// The file name of a set in the cache. Throws Error{failed} when a file of the set cannot be examined.
std::string decoded_cache_name(const ImageSet& images, int scale);

}  // namespace wring
