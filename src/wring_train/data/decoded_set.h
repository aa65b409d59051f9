#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "wring_train/data/dataset.h"
#include "wring_train/data/memory_block.h"
#include "wring_train/image/image.h"
#include "wring_train/image/stored_image.h"

namespace wring {

// Where the images of a set lie in a block of bytes: HR cut to a multiple of the scale, then its LR image.
struct DecodedLayout {
  std::vector<StoredImage> images;       // one per pair of the set
  std::vector<std::uint32_t> checksums;  // CRC-32 of each image's bytes (HR and LR); 0 until it is decoded
  std::uint64_t bytes = 0;
};
DecodedLayout layout_of(const ImageSet& images, int scale);

struct DecodeOptions {
  int scale = 4;
  // Called from any thread: once per image that cannot be used, and with the number of images done so far.
  std::function<void(const SkippedImage&)> on_skip;
  std::function<void(std::int64_t)> progress;
  std::function<bool()> cancelled;  // true: give up with Error{interrupted}
};

// The decoded images of a set in one block. An image that cannot be used has hr_width 0.
class DecodedSet {
 public:
  // `first`: where the layout begins in the block.
  DecodedSet(MemoryBlock block, std::size_t first, DecodedLayout layout);

  std::span<const std::uint8_t> bytes() const { return block_.bytes().subspan(first_, layout_.bytes); }
  std::span<const StoredImage> images() const { return layout_.images; }
  const MemoryBlock& block() const { return block_; }
  // 32 digits that follow from the pixels of all images, wherever their files lie.
  std::string digest() const;

 private:
  MemoryBlock block_;
  std::size_t first_;
  DecodedLayout layout_;
};

[[noreturn]] void throw_interrupted();

// Image `index`, HR and LR; the LR image is read, or made by bicubic_shrink. Absent where it cannot be used: on_skip is
// told why.
std::optional<std::array<Image, 2>> decode_image(const ImageSet& images, std::size_t index,
                                                 const DecodeOptions& options);

// Decodes every image into memory of the process, on all cores. Holds one image per core beside it.
DecodedSet decode_to_memory(const ImageSet& images, const DecodeOptions& options);

// The size of a file that holds such a set: a header, the table of images, the checksum of each one's bytes, then from
// a multiple of 4096 the block of bytes. Numbers as this machine stores them: the file is a cache and does not travel.
std::size_t decoded_file_bytes(const DecodedLayout& layout);

// The same into a file of that size, and its header. `name` is the cache's name for the set.
std::shared_ptr<const DecodedSet> decode_to_file(MemoryBlock file, const std::string& name, const ImageSet& images,
                                                 const DecodeOptions& options);

// The set in a file, once every image's bytes have been compared with their checksum, on all cores. Or nothing, and in
// `damage` why: cut short, another name, damaged, or not the layout that the images need.
std::shared_ptr<const DecodedSet> read_decoded_file(MemoryBlock file, const std::string& name, const ImageSet& images,
                                                    const DecodeOptions& options, std::string& damage);

}  // namespace wring
