#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>

#include "wring_train/image/image.h"

// The formats behind read_image, one file each. Not part of the interface of this folder.
namespace wring {

using Bytes = std::span<const std::uint8_t>;

// What is wrong with the content, without the file's name, which a codec does not know.
struct DecodeError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A format. `read_size` works on the beginning of a file, when that holds the header.
struct Codec {
  bool (*recognises)(Bytes content);
  ImageSize (*read_size)(Bytes content);
  Image (*decode)(Bytes content, Alpha alpha);
  // At least `wanted`, which is cut to the image first; Alpha::drop.
  ImagePart (*decode_part)(Bytes content, const Rectangle& wanted);
  // The file's Exif data, which begin with a TIFF header; empty where there are none. Works on the beginning of a file
  // too; throws DecodeError where they stand behind it.
  Bytes (*exif)(Bytes content);
};

extern const Codec kJpegCodec;
extern const Codec kPngCodec;
extern const Codec kWebpCodec;  // no_webp.cpp stands in where libwebp is absent: it recognises, then says so

// Called by every decoder before it takes memory for pixels. Throws DecodeError for an empty or absurd size:
// a corrupt header of a few bytes must not ask for gigabytes.
void check_size(std::uint64_t width, std::uint64_t height);

// Refuses a file that is too short for the pixels that its header claims, before memory is taken for them: `most` is
// what one byte of the format can hold at most, in the unit of `claimed`. Throws DecodeError.
void check_claim(std::uint64_t claimed, std::uint64_t most, Bytes content);

// The same for formats in which one byte can hold any number of pixels (of one colour): above 2^24 pixels a file needs
// a byte for 2^14 of them, which every photograph has hundreds of times over.
void check_blank(std::uint64_t width, std::uint64_t height, Bytes content);

// What of `wanted` lies inside an image. Throws DecodeError when that is nothing.
Rectangle inside(const Rectangle& wanted, int width, int height);

}  // namespace wring
