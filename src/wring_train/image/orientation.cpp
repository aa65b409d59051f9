#include "wring_train/image/orientation.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace wring {
namespace {

using Bytes = std::span<const std::uint8_t>;

// By the tag's value, 1 to 8.
constexpr std::array<Orientation, 9> kOrientations = {{{},
                                                       {},
                                                       {false, true, false},
                                                       {false, true, true},
                                                       {false, false, true},
                                                       {true, false, false},
                                                       {true, false, true},
                                                       {true, true, true},
                                                       {true, true, false}}};

// A TIFF file's numbers, in the order of bytes that its header names; nothing beyond its end.
class Tiff {
 public:
  explicit Tiff(Bytes bytes) : bytes_(bytes), little_endian_(bytes.size() > 1 && bytes[0] == 'I') {}

  std::optional<std::uint32_t> number(std::size_t at, std::size_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value = value << 8 | bytes_[little_endian_ ? at + size - 1 - i : at + i];
    return value;
  }

 private:
  Bytes bytes_;
  bool little_endian_;
};

// The number that the first directory has under a tag of one 16-bit number.
std::optional<std::uint32_t> short_of(const Tiff& tiff, std::uint32_t tag) {
  constexpr std::size_t kEntryBytes = 12;  // tag, type, count, value
  constexpr std::uint32_t kShort = 3;
  const auto directory = tiff.number(4, 4);
  if (tiff.number(2, 2) != 42U || !directory) return std::nullopt;
  const std::uint32_t entries = tiff.number(*directory, 2).value_or(0);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t at = std::size_t{*directory} + 2 + i * kEntryBytes;
    if (tiff.number(at, 2) == tag && tiff.number(at + 2, 2) == kShort) return tiff.number(at + 8, 2);
  }
  return std::nullopt;
}

}  // namespace

Orientation orientation_in(Bytes exif) {
  constexpr std::string_view kPrefix("Exif\0\0", 6);
  constexpr std::uint32_t kTag = 0x0112;
  if (exif.size() >= kPrefix.size() && std::memcmp(exif.data(), kPrefix.data(), kPrefix.size()) == 0) {
    exif = exif.subspan(kPrefix.size());
  }
  const std::uint32_t value = short_of(Tiff(exif), kTag).value_or(1);
  return value < kOrientations.size() ? kOrientations.at(value) : Orientation();
}

ImageSize upright(ImageSize stored, const Orientation& orientation) {
  if (orientation.transposed) std::swap(stored.width, stored.height);
  return stored;
}

Image upright(Image stored, const Orientation& orientation) {
  if (orientation == Orientation()) return stored;
  const ImageSize size = upright(ImageSize{stored.width, stored.height}, orientation);
  Image image(size.width, size.height, stored.channels);
  std::uint8_t* to = image.pixels.data();
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x, to += image.channels) {
      const Rectangle from = stored_place({x, y, 1, 1}, orientation, {stored.width, stored.height});
      std::copy_n(stored.row(from.y) + std::size_t(from.x) * stored.channels, stored.channels, to);
    }
  }
  return image;
}

ImagePart upright(ImagePart stored, const Orientation& orientation) {
  // The way back is the same one, but for two quarter turns, which are each other's.
  Orientation back = orientation;
  if (orientation.transposed) std::swap(back.x_from_end, back.y_from_end);
  const Rectangle place{stored.x, stored.y, stored.pixels.width, stored.pixels.height};
  const ImageSize whole = upright(ImageSize{stored.whole_width, stored.whole_height}, orientation);
  const Rectangle upright_place = stored_place(place, back, whole);
  return {upright(std::move(stored.pixels), orientation), upright_place.x, upright_place.y, whole.width, whole.height};
}

Rectangle stored_place(const Rectangle& place, const Orientation& orientation, ImageSize stored) {
  Rectangle found = orientation.transposed ? Rectangle{place.y, place.x, place.height, place.width} : place;
  if (orientation.x_from_end) found.x = stored.width - found.x - found.width;
  if (orientation.y_from_end) found.y = stored.height - found.y - found.height;
  return found;
}

}  // namespace wring
