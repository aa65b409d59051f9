#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "wring_train/data/dataset.h"
#include "wring_train/data/memory_block.h"
#include "wring_train/image/stored_image.h"

namespace wring {

// Where the images of a set lie in a block of bytes: HR cut to a multiple of the scale, then its LR image.
struct DecodedLayout {
  std::vector<StoredImage> images;       // one per pair of the set
  std::vector<std::uint32_t> checksums;  // CRC-32 of each image's bytes (HR and LR); 0 until it is decoded
  std::uint64_t bytes = 0;
};
DecodedLayout layout_of(const ImageSet& images, int scale);

// The checksum of image `index` as `bytes` has it.
std::uint32_t pixel_checksum(const DecodedLayout& layout, std::size_t index, std::span<const std::uint8_t> bytes);

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

// Decodes image `index` to its place in `bytes`; its LR image is read, or made by bicubic_shrink. Says whether it can
// be used; if not, its hr_width in the layout becomes 0 and on_skip is told why.
bool decode_image(const ImageSet& images, std::size_t index, const DecodeOptions& options,
                  std::span<std::uint8_t> bytes, DecodedLayout& layout);

// Decodes every image, on all cores. Holds one image per core beside the block.
void decode_images(const ImageSet& images, const DecodeOptions& options, std::span<std::uint8_t> bytes,
                   DecodedLayout& layout);

// The same into memory of the process.
DecodedSet decode_to_memory(const ImageSet& images, const DecodeOptions& options);

}  // namespace wring
