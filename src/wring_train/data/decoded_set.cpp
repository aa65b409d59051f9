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

std::uint32_t pixel_checksum(const DecodedLayout& layout, std::size_t index, std::span<const std::uint8_t> bytes) {
  const std::uint64_t begin = layout.images[index].hr_offset;
  const std::uint64_t end = index + 1 < layout.images.size() ? layout.images[index + 1].hr_offset : layout.bytes;
  return libdeflate_crc32(0, bytes.data() + begin, end - begin);
}

void decode_images(const ImageSet& images, const DecodeOptions& options, std::span<std::uint8_t> bytes,
                   DecodedLayout& layout) {
  std::atomic<std::int64_t> done{0};
  for_each_in_parallel(images.pairs.size(), [&](std::size_t index) {
    if (options.cancelled && options.cancelled()) throw_interrupted();
    StoredImage& place = layout.images[index];
    if (const auto pair = decode_image(images, index, options)) {
      put((*pair)[0], bytes, place.hr_offset);
      put((*pair)[1], bytes, place.lr_offset);
      layout.checksums[index] = pixel_checksum(layout, index, bytes);
    } else {
      place.hr_width = 0;
    }
    const std::int64_t count = ++done;
    if (options.progress) options.progress(count);
  });
}

constexpr std::size_t kPage = 4096;

// Of a file.
struct Header {
  char magic[16] = "wring decoded 2";
  char name[48] = "";
  std::uint64_t images = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t checksum = 0;  // of the header, with 0 here, the table and the images' checksums
};

std::size_t table_bytes(const DecodedLayout& layout) {
  return layout.images.size() * sizeof(StoredImage);
}

std::size_t sums_bytes(const DecodedLayout& layout) {
  return layout.images.size() * sizeof(std::uint32_t);
}

// `table`: of the images, the checksums behind it.
Header header_of(const DecodedLayout& layout, const std::string& name, const std::uint8_t* table) {
  Header header;
  name.copy(header.name, sizeof header.name - 1);
  header.images = layout.images.size();
  header.file_bytes = decoded_file_bytes(layout);
  header.checksum =
      libdeflate_crc32(libdeflate_crc32(0, &header, sizeof header), table, table_bytes(layout) + sums_bytes(layout));
  return header;
}

bool same_place(const StoredImage& a, const StoredImage& b) {
  return a.hr_offset == b.hr_offset && a.lr_offset == b.lr_offset && a.hr_height == b.hr_height &&
         a.lr_width == b.lr_width && a.lr_height == b.lr_height && (a.hr_width == b.hr_width || a.hr_width == 0);
}

std::size_t block_start(const DecodedLayout& layout) {
  return (sizeof(Header) + table_bytes(layout) + sums_bytes(layout) + kPage - 1) / kPage * kPage;
}

std::shared_ptr<const DecodedSet> set_in(MemoryBlock file, DecodedLayout layout) {
  const std::size_t start = block_start(layout);
  return std::make_shared<const DecodedSet>(std::move(file), start, std::move(layout));
}

void write_header(std::span<std::uint8_t> file, const DecodedLayout& layout, const std::string& name) {
  std::uint8_t* const table = file.data() + sizeof(Header);
  std::memcpy(table, layout.images.data(), table_bytes(layout));
  std::memcpy(table + table_bytes(layout), layout.checksums.data(), sums_bytes(layout));
  const Header header = header_of(layout, name, table);
  std::memcpy(file.data(), &header, sizeof header);
}

// Reads table and checksums into `layout`, which comes as layout_of() made it and gets the widths 0 of unusable images.
// What is wrong, or nothing.
std::string read_header(std::span<const std::uint8_t> file, DecodedLayout& layout, const std::string& name) {
  if (file.size() != decoded_file_bytes(layout)) return "it has another length than the images need";
  const std::uint8_t* const table = file.data() + sizeof(Header);
  const Header expected = header_of(layout, name, table);
  if (std::memcmp(file.data(), &expected, sizeof expected) != 0) return "its header or table is damaged";
  std::vector<StoredImage> images(layout.images.size());
  std::memcpy(images.data(), table, table_bytes(layout));
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (!same_place(images[i], layout.images[i])) return "its table does not fit the images";
  }
  layout.images = std::move(images);
  std::memcpy(layout.checksums.data(), table + table_bytes(layout), sums_bytes(layout));
  return {};
}

bool pixels_are_whole(std::span<const std::uint8_t> file, const DecodedLayout& layout,
                      const std::function<bool()>& cancelled) {
  const auto bytes = file.subspan(block_start(layout), layout.bytes);
  std::atomic<bool> damaged{false};
  for_each_in_parallel(layout.images.size(), [&](std::size_t i) {
    if (cancelled && cancelled()) throw_interrupted();
    const bool usable = layout.images[i].hr_width > 0;
    if (usable && pixel_checksum(layout, i, bytes) != layout.checksums[i]) damaged = true;
  });
  return !damaged;
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

std::optional<std::array<Image, 2>> decode_image(const ImageSet& images, std::size_t index,
                                                 const DecodeOptions& options) {
  const ImagePair& pair = images.pairs[index];
  try {
    Image hr = read_training_hr(pair, images.sizes[index], options.scale, std::nullopt).pixels;
    Image lr = pair.lr ? read_training_lr(pair, images.sizes[index], options.scale, std::nullopt).pixels
                       : bicubic_shrink(hr, options.scale);
    return {{std::move(hr), std::move(lr)}};
  } catch (const Error& error) {
    if (options.on_skip) options.on_skip({pair.hr, error.what()});
    return std::nullopt;
  }
}

DecodedSet decode_to_memory(const ImageSet& images, const DecodeOptions& options) {
  DecodedLayout layout = layout_of(images, options.scale);
  MemoryBlock block = MemoryBlock::of_process(layout.bytes);
  decode_images(images, options, block.bytes(), layout);
  return {std::move(block), 0, std::move(layout)};
}

std::size_t decoded_file_bytes(const DecodedLayout& layout) {
  return block_start(layout) + layout.bytes;
}

std::shared_ptr<const DecodedSet> decode_to_file(MemoryBlock file, const std::string& name, const ImageSet& images,
                                                 const DecodeOptions& options) {
  DecodedLayout layout = layout_of(images, options.scale);
  decode_images(images, options, file.bytes().subspan(block_start(layout)), layout);
  write_header(file.bytes(), layout, name);
  file.make_read_only();
  return set_in(std::move(file), std::move(layout));
}

std::shared_ptr<const DecodedSet> read_decoded_file(MemoryBlock file, const std::string& name, const ImageSet& images,
                                                    const DecodeOptions& options, std::string& damage) {
  DecodedLayout layout = layout_of(images, options.scale);
  file.will_need();
  damage = read_header(file.bytes(), layout, name);
  if (damage.empty() && !pixels_are_whole(file.bytes(), layout, options.cancelled)) {
    damage = "its pixels have changed since it was written";
  }
  if (file.lost()) damage = "it was cut short, or its disk fails";
  return damage.empty() ? set_in(std::move(file), std::move(layout)) : nullptr;
}

}  // namespace wring
