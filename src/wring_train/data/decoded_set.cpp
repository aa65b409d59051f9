#include "wring_train/data/decoded_set.h"

#include <atomic>
#include <cstring>
#include <utility>

#include <libdeflate.h>

#include "wring/base/error.h"
#include "wring_train/data/fingerprint.h"
#include "wring_train/data/parallel.h"
#include "wring_train/data/training_pair.h"
#include "wring_train/image/bicubic.h"

namespace wring {
namespace {

// Images begin at whole cache lines.
constexpr std::uint64_t kAlignment = 64;

std::uint64_t aligned(std::uint64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::uint64_t rgb_bytes(std::int32_t width, std::int32_t height) {
  return std::uint64_t{3} * static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height);
}

void put(const Image& image, std::span<std::uint8_t> bytes, std::uint64_t offset) {
  std::memcpy(bytes.subspan(offset, image.pixels.size()).data(), image.pixels.data(), image.pixels.size());
}

}  // namespace

DecodedLayout layout_of(const ImageSet& images, int scale) {
  DecodedLayout layout;
  for (const ImageSize& size : images.sizes) {
    StoredImage image;
    image.lr_width = size.width / scale;
    image.lr_height = size.height / scale;
    image.hr_width = image.lr_width * scale;
    image.hr_height = image.lr_height * scale;
    image.hr_offset = layout.bytes;
    image.lr_offset = image.hr_offset + aligned(rgb_bytes(image.hr_width, image.hr_height));
    layout.bytes = image.lr_offset + aligned(rgb_bytes(image.lr_width, image.lr_height));
    layout.images.push_back(image);
  }
  layout.checksums.resize(layout.images.size());
  return layout;
}

std::uint32_t pixel_checksum(const DecodedLayout& layout, std::size_t index, std::span<const std::uint8_t> bytes) {
  const std::uint64_t begin = layout.images[index].hr_offset;
  const std::uint64_t end = index + 1 < layout.images.size() ? layout.images[index + 1].hr_offset : layout.bytes;
  return libdeflate_crc32(0, bytes.data() + begin, end - begin);
}

DecodedSet::DecodedSet(MemoryBlock block, std::size_t first, DecodedLayout layout)
    : block_(std::move(block)), first_(first), layout_(std::move(layout)) {}

std::string DecodedSet::digest() const {
  Fingerprint fingerprint;
  for (const std::uint32_t sum : layout_.checksums) fingerprint.add(std::uint64_t{sum});
  return fingerprint.text();
}

void throw_interrupted() {
  throw Error(ErrorCode::interrupted, {"interrupted while images were decoded", "解码图像时被中断"});
}

bool decode_image(const ImageSet& images, std::size_t index, const DecodeOptions& options,
                  std::span<std::uint8_t> bytes, DecodedLayout& layout) {
  const ImagePair& pair = images.pairs[index];
  StoredImage& place = layout.images[index];
  try {
    const Image hr = read_training_hr(pair, images.sizes[index], options.scale, std::nullopt).pixels;
    const Image lr = pair.lr ? read_training_lr(pair, images.sizes[index], options.scale, std::nullopt).pixels
                             : bicubic_shrink(hr, options.scale);
    put(hr, bytes, place.hr_offset);
    put(lr, bytes, place.lr_offset);
    layout.checksums[index] = pixel_checksum(layout, index, bytes);
    return true;
  } catch (const Error& error) {
    place.hr_width = 0;
    if (options.on_skip) options.on_skip({pair.hr, error.what()});
    return false;
  }
}

void decode_images(const ImageSet& images, const DecodeOptions& options, std::span<std::uint8_t> bytes,
                   DecodedLayout& layout) {
  std::atomic<std::int64_t> done{0};
  for_each_in_parallel(images.pairs.size(), [&](std::size_t index) {
    if (options.cancelled && options.cancelled()) throw_interrupted();
    decode_image(images, index, options, bytes, layout);
    const std::int64_t count = ++done;
    if (options.progress) options.progress(count);
  });
}

DecodedSet decode_to_memory(const ImageSet& images, const DecodeOptions& options) {
  DecodedLayout layout = layout_of(images, options.scale);
  MemoryBlock block = MemoryBlock::of_process(layout.bytes);
  decode_images(images, options, block.bytes(), layout);
  return {std::move(block), 0, std::move(layout)};
}

}  // namespace wring
