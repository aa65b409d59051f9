#include "wring_train/image/plain_png.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <libdeflate.h>

namespace wring {
namespace {

constexpr std::size_t kSignatureBytes = 8;
constexpr std::size_t kChunkFrame = 12;  // length, type and checksum around a chunk's data
constexpr std::size_t kReadBehind = 8;   // unfiltering reads pixels as words

std::uint32_t big_endian(const std::uint8_t* at) {
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 | std::uint32_t{at[3]};
}

struct Plain {
  int width = 0;
  int height = 0;
  int channels = 0;
  std::vector<Bytes> compressed;  // the data of the IDAT chunks

  std::size_t row_bytes() const { return 1 + std::size_t(width) * channels; }  // the filter's number comes first
};

bool read_header(Bytes data, Plain& png) {
  if (data.size() != 13) return false;
  const std::uint32_t width = big_endian(data.data());
  const std::uint32_t height = big_endian(data.data() + 4);
  constexpr std::uint8_t kGray = 0, kRgb = 2;
  const bool plain =
      data[8] == 8 && (data[9] == kGray || data[9] == kRgb) && data[10] == 0 && data[11] == 0 && data[12] == 0;
  if (!plain) return false;
  check_size(width, height);
  png.width = static_cast<int>(width);
  png.height = static_cast<int>(height);
  png.channels = data[9] == kGray ? 1 : 3;
  return true;
}

// The chunks up to the end of the image, or nothing when one is missing, damaged, or means another kind of PNG.
std::optional<Plain> read_chunks(Bytes content) {
  if (content.size() < kSignatureBytes) return std::nullopt;
  Plain png;
  std::size_t at = kSignatureBytes;
  for (bool first = true;; first = false) {
    if (content.size() - at < kChunkFrame) return std::nullopt;
    const std::size_t length = big_endian(&content[at]);
    if (length > content.size() - at - kChunkFrame) return std::nullopt;
    const std::string_view type(reinterpret_cast<const char*>(&content[at + 4]), 4);
    const Bytes data = content.subspan(at + 8, length);
    const bool matters = (content[at + 4] & 0x20) == 0;  // a capital letter: not side information
    if (matters && libdeflate_crc32(0, &content[at + 4], length + 4) != big_endian(&content[at + 8 + length])) {
      return std::nullopt;
    }
    if (first != (type == "IHDR") || type == "tRNS") return std::nullopt;
    if (type == "IHDR") {
      if (!read_header(data, png)) return std::nullopt;
    } else if (type == "IDAT") {
      png.compressed.push_back(data);
    } else if (type == "IEND") {
      return png;
    } else if (matters && type != "PLTE") {
      return std::nullopt;
    }
    at += kChunkFrame + length;
  }
}

std::unique_ptr<std::uint8_t[]> decompress(const Plain& png) {
  std::vector<std::uint8_t> joined;
  Bytes compressed;
  if (png.compressed.size() == 1) {
    compressed = png.compressed.front();
  } else {
    for (const Bytes& part : png.compressed) joined.insert(joined.end(), part.begin(), part.end());
    compressed = joined;
  }
  const std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> decompressor(
      libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
  if (!decompressor) throw std::bad_alloc();
  const std::size_t bytes = png.row_bytes() * png.height;
  if (bytes / 1032 > compressed.size()) return nullptr;  // more than deflate can make of it: libpng's reader refuses it
  auto rows = std::make_unique_for_overwrite<std::uint8_t[]>(bytes + kReadBehind);
  std::memset(rows.get() + bytes, 0, kReadBehind);
  const libdeflate_result result = libdeflate_zlib_decompress(decompressor.get(), compressed.data(), compressed.size(),
                                                              rows.get(), bytes, nullptr);  // null: exactly so many
  return result == LIBDEFLATE_SUCCESS ? std::move(rows) : nullptr;
}

// The predictors of PNG (RFC 2083, section 6). `row` is turned from differences to samples, `above` is the row before.
void undo_sub(std::uint8_t* row, std::size_t bytes, std::size_t pixel) {
  for (std::size_t i = pixel; i < bytes; ++i) row[i] = static_cast<std::uint8_t>(row[i] + row[i - pixel]);
}

void undo_up(std::uint8_t* row, const std::uint8_t* above, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) row[i] = static_cast<std::uint8_t>(row[i] + above[i]);
}

void undo_average(std::uint8_t* row, const std::uint8_t* above, std::size_t bytes, std::size_t pixel) {
  for (std::size_t i = 0; i < bytes; ++i) {
    const int left = i < pixel ? 0 : row[i - pixel];
    row[i] = static_cast<std::uint8_t>(row[i] + (left + above[i]) / 2);
  }
}

// The channels of a pixel side by side, so that the compiler computes them at once: this predictor waits for the pixel
// before, and is most of the work.
using Lanes = std::int16_t __attribute__((vector_size(16)));
using ByteLanes = std::uint8_t __attribute__((vector_size(8)));

Lanes pixel_at(const std::uint8_t* at) {
  ByteLanes bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  return __builtin_convertvector(bytes, Lanes);
}

Lanes magnitude(Lanes a) {
  const Lanes sign = a < 0;  // -1 where it is negative
  return (a ^ sign) - sign;
}

template <std::size_t kPixel>
void undo_paeth(std::uint8_t* row, const std::uint8_t* above, std::size_t bytes) {
  Lanes left{}, above_left{};
  for (std::size_t i = 0; i < bytes; i += kPixel) {
    const Lanes up = pixel_at(above + i);
    const Lanes to_left = magnitude(up - above_left);
    const Lanes to_up = magnitude(left - above_left);
    const Lanes to_corner = magnitude(left + up - above_left - above_left);
    const Lanes take_up = to_up <= to_corner;
    const Lanes take_left = (to_left <= to_up) & (to_left <= to_corner);
    const Lanes predicted = (left & take_left) | (((up & take_up) | (above_left & ~take_up)) & ~take_left);
    left = (pixel_at(row + i) + predicted) & std::int16_t{0xff};
    above_left = up;
    const auto samples = __builtin_convertvector(left, ByteLanes);
    std::memcpy(row + i, &samples, kPixel);
  }
}

bool undo_filter(int filter, std::uint8_t* row, const std::uint8_t* above, std::size_t bytes, int channels) {
  switch (filter) {
    case 0:
      return true;
    case 1:
      undo_sub(row, bytes, channels);
      return true;
    case 2:
      undo_up(row, above, bytes);
      return true;
    case 3:
      undo_average(row, above, bytes, channels);
      return true;
    case 4:
      channels == 3 ? undo_paeth<3>(row, above, bytes) : undo_paeth<1>(row, above, bytes);
      return true;
    default:
      return false;
  }
}

}  // namespace

std::optional<ImagePart> decode_plain_png(Bytes content, const std::optional<Rectangle>& wanted) {
  const std::optional<Plain> png = read_chunks(content);
  if (!png) return std::nullopt;
  const Rectangle part = inside(wanted.value_or(Rectangle{0, 0, png->width, png->height}), png->width, png->height);
  const auto rows = decompress(*png);
  if (rows == nullptr) return std::nullopt;

  Image image(part.width, part.height, png->channels);
  const std::size_t samples = png->row_bytes() - 1;
  const std::vector<std::uint8_t> black(samples + kReadBehind);  // above the first row
  const std::uint8_t* above = black.data();
  for (int y = 0; y < part.y + part.height; ++y) {
    std::uint8_t* row = rows.get() + std::size_t(y) * png->row_bytes() + 1;
    if (!undo_filter(row[-1], row, above, samples, png->channels)) return std::nullopt;
    above = row;
    if (y < part.y) continue;
    std::memcpy(image.row(y - part.y), row + std::size_t(part.x) * png->channels,
                std::size_t(part.width) * png->channels);
  }
  return ImagePart{std::move(image), part.x, part.y, png->width, png->height};
}

}  // namespace wring
