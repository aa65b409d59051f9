#include "wring_train/data/decoded_file.h"

#include <atomic>
#include <cstring>
#include <utility>
#include <vector>

#include <libdeflate.h>

#include "wring_train/data/parallel.h"

namespace wring {
namespace {

constexpr std::size_t kPage = 4096;

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

}  // namespace

std::size_t decoded_block_start(const DecodedLayout& layout) {
  return (sizeof(Header) + table_bytes(layout) + sums_bytes(layout) + kPage - 1) / kPage * kPage;
}

std::size_t decoded_file_bytes(const DecodedLayout& layout) {
  return decoded_block_start(layout) + layout.bytes;
}

void write_decoded_header(std::span<std::uint8_t> file, const DecodedLayout& layout, const std::string& name) {
  std::uint8_t* const table = file.data() + sizeof(Header);
  std::memcpy(table, layout.images.data(), table_bytes(layout));
  std::memcpy(table + table_bytes(layout), layout.checksums.data(), sums_bytes(layout));
  const Header header = header_of(layout, name, table);
  std::memcpy(file.data(), &header, sizeof header);
}

std::optional<std::string> read_decoded_header(std::span<const std::uint8_t> file, DecodedLayout& layout,
                                               const std::string& name) {
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
  return std::nullopt;
}

std::optional<std::string> check_decoded_pixels(std::span<const std::uint8_t> file, const DecodedLayout& layout,
                                                const std::function<bool()>& cancelled) {
  const auto bytes = file.subspan(decoded_block_start(layout), layout.bytes);
  std::atomic<bool> damaged{false};
  for_each_in_parallel(layout.images.size(), [&](std::size_t i) {
    if (cancelled && cancelled()) throw_interrupted();
    const bool usable = layout.images[i].hr_width > 0;
    if (usable && pixel_checksum(layout, i, bytes) != layout.checksums[i]) damaged = true;
  });
  if (damaged) return "its pixels have changed since it was written";
  return std::nullopt;
}

}  // namespace wring
