#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "wring/base/text.h"
#include "wring/files/descriptor.h"
#include "wring/files/folder.h"
#include "wring_train/data/decoded_set.h"

namespace wring {

struct DecodedCacheOptions {
  std::optional<std::filesystem::path> folder;       // nullopt: decode into memory, keep nothing
  std::int64_t limit_bytes = 0;                      // of everything in the folder
  std::function<void(const Text&)> note;             // what the user should know: damage, no room
  std::function<void(std::int64_t total)> decoding;  // called before images are decoded, which takes a while
};

// A decoded set on disk: a file that is mapped, so that a second start decodes nothing and several processes share the
// memory. Its name follows from the path, size and time of change of every image file, the scale, and the format, so a
// changed file means another name. It is built under a lock beside its place and renamed once it is on disk: no process
// ever sees half of it, several that need the same set let one build it, and what a killed one left is built anew. Only
// files of this user are used, and their pixels are compared with their checksums once, when the set is opened.
class DecodedCache {
 public:
  explicit DecodedCache(DecodedCacheOptions options) : options_(std::move(options)) {}
  ~DecodedCache() = default;  // waits until what was decoded is on disk

  // The set from the cache, or decoded and kept there. Never fails for the cache's sake: without a place to write the
  // set is decoded into memory, with a note. Throws Error{interrupted} when cancelled.
  std::shared_ptr<const DecodedSet> open(const ImageSet& images, const DecodeOptions& decode);

  // Whether the last open() found the set on disk, and how long its pixels were checked.
  bool hit() const { return hit_; }
  double checked_s() const { return checked_s_; }

 private:
  void note(const Text& text) const;
  std::shared_ptr<const DecodedSet> open_in(const Folder& cache, const ImageSet& images, const DecodeOptions& decode);
  // The set in that file, or nothing: it does not exist, or it is not to be used, which is told and ends it.
  std::shared_ptr<const DecodedSet> open_file(const Folder& cache, const std::string& name, const ImageSet& images,
                                              const DecodeOptions& decode);
  // The file that the set is built in, locked; waits for the process that builds it, and says so when that takes long.
  Descriptor lock_partial(const Folder& cache, const std::string& name, const DecodeOptions& decode) const;
  std::shared_ptr<const DecodedSet> decode_into_memory(const ImageSet& images, const DecodeOptions& decode);
  std::shared_ptr<const DecodedSet> build(const Folder& cache, const std::string& name, const ImageSet& images,
                                          const DecodeOptions& decode, Descriptor lock);
  void publish(const Folder& cache, const std::string& name, std::shared_ptr<const DecodedSet> set, bool unchanged,
               Descriptor lock);
  void claim_disk(const Folder& cache, int descriptor, std::size_t bytes) const;

  DecodedCacheOptions options_;
  bool hit_ = false;
  double checked_s_ = 0;
  std::jthread publisher_;
};

// The file name of a set in the cache. Throws Error{failed} when a file of the set cannot be examined.
std::string decoded_cache_name(const ImageSet& images, int scale);

}  // namespace wring
