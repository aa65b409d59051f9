#include "wring_train/data/decoded_file.h"

#include <algorithm>
#include <cstring>

#include "wring_train/data/random.h"

namespace wring {
namespace {

constexpr std::size_t kPage = 4096;

struct Header {
  char magic[16] = "wring decoded 1";
  char name[48] = "";
  std::uint64_t images = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t checksum = 0;  // of the header, with 0 here, and the table
};

std::uint64_t checksum(std::uint64_t sum, const void* data, std::size_t bytes) {
  const auto* at = static_cast<const std::uint8_t*>(data);
  for (std::size_t i = 0; i < bytes; i += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, at + i, std::min(sizeof word, bytes - i));
    sum = mix64(sum ^ word);
  }
  return sum;
}

std::size_t table_bytes(const DecodedLayout& layout) {
  return layout.images.size() * sizeof(StoredImage);
}

Header header_of(const DecodedLayout& layout, const std::string& name, const void* table) {
  Header header;
  name.copy(header.name, sizeof header.name - 1);
  header.images = layout.images.size();
  header.file_bytes = decoded_file_bytes(layout);
  header.checksum = checksum(checksum(0, &header, sizeof header), table, table_bytes(layout));
  return header;
}

bool same_place(const StoredImage& a, const StoredImage& b) {
  return a.hr_offset == b.hr_offset && a.lr_offset == b.lr_offset && a.hr_height == b.hr_height &&
         a.lr_width == b.lr_width && a.lr_height == b.lr_height && (a.hr_width == b.hr_width || a.hr_width == 0);
}

}  // namespace

std::size_t decoded_block_start(const DecodedLayout& layout) {
  return (sizeof(Header) + table_bytes(layout) + kPage - 1) / kPage * kPage;
}

std::size_t decoded_file_bytes(const DecodedLayout& layout) {
  return decoded_block_start(layout) + layout.bytes;
}

void write_decoded_header(std::span<std::uint8_t> file, const DecodedLayout& layout, const std::string& name) {
  const Header header = header_of(layout, name, layout.images.data());
  std::memcpy(file.data() + sizeof header, layout.images.data(), table_bytes(layout));
  std::memcpy(file.data(), &header, sizeof header);
}

std::optional<std::string> read_decoded_header(std::span<const std::uint8_t> file, DecodedLayout& layout,
                                               const std::string& name) {
  if (file.size() != decoded_file_bytes(layout)) return "it has another length than the images need";
  const Header expected = header_of(layout, name, file.data() + sizeof(Header));
  if (std::memcmp(file.data(), &expected, sizeof expected) != 0) return "its header or table is damaged";
  std::vector<StoredImage> table(layout.images.size());
  std::memcpy(table.data(), file.data() + sizeof(Header), table_bytes(layout));
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (!same_place(table[i], layout.images[i])) return "its table does not fit the images";
  }
  layout.images = std::move(table);
  return std::nullopt;
}

}  // namespace wring
