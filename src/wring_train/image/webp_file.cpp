#include <cstring>
#include <new>

#include <webp/decode.h>

#include "wring_train/image/codecs.h"
#include "wring_train/image/webp_signature.h"

namespace wring {
namespace {

WebPBitstreamFeatures features_of(Bytes content) {
  WebPBitstreamFeatures features;
  const VP8StatusCode status = WebPGetFeatures(content.data(), content.size(), &features);
  if (status == VP8_STATUS_NOT_ENOUGH_DATA) throw DecodeError("damaged WebP: the file ends too early");
  if (status != VP8_STATUS_OK) throw DecodeError("damaged WebP header");
  if (features.has_animation != 0) throw DecodeError("it is an animation");
  check_size(features.width, features.height);
  return features;
}

// A macroblock of 256 pixels takes more than three bits in a lossy file (RFC 6386, section 11.2: its modes have fixed
// probabilities).
constexpr std::uint64_t kMostPixelsOfOneByte = 1024;
constexpr int kLossy = 1;  // WebPBitstreamFeatures::format

void check_pixels(const WebPBitstreamFeatures& features, Bytes content) {
  const auto width = static_cast<std::uint64_t>(features.width);
  const auto height = static_cast<std::uint64_t>(features.height);
  if (features.format == kLossy) {
    check_claim(width * height, kMostPixelsOfOneByte, content);
  } else {
    check_blank(width, height, content);
  }
}

ImageSize read_size(Bytes content) {
  const WebPBitstreamFeatures features = features_of(content);
  return {features.width, features.height};
}

Image decode(Bytes content, Alpha alpha) {
  const WebPBitstreamFeatures features = features_of(content);
  check_pixels(features, content);
  const bool keep = alpha == Alpha::keep && features.has_alpha != 0;
  Image image(features.width, features.height, keep ? 4 : 3);
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) throw DecodeError("libwebp is of another version than it was built with");
  config.output.colorspace = keep ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {image.pixels.data(), image.width * image.channels, image.pixels.size()};
  const VP8StatusCode status = WebPDecode(content.data(), content.size(), &config);
  if (status == VP8_STATUS_OUT_OF_MEMORY) throw std::bad_alloc();
  if (status != VP8_STATUS_OK) {
    throw DecodeError("damaged WebP: its pixels cannot be decoded, or the file ends too early");
  }
  return image;
}

// Photographs in WebP are rare; they are decoded whole.
ImagePart decode_part(Bytes content, const Rectangle&) {
  return whole(decode(content, Alpha::drop));
}

// The container's chunks (RFC 9649): a name of four letters, the size as 32 bits, the data, padded to an even length.
// Exif data come after the pixels.
Bytes exif(Bytes content) {
  constexpr std::size_t kFirstChunk = 12;  // after RIFF, the size and WEBP
  constexpr std::size_t kExtendedFlags = kFirstChunk + 8;
  constexpr std::uint8_t kHasExif = 0x08;
  const auto is = [content](std::size_t at, const char* name) { return std::memcmp(&content[at], name, 4) == 0; };
  const auto size_at = [content](std::size_t at) {
    std::size_t size = 0;
    for (std::size_t i = 4; i-- > 0;) size = size << 8 | content[at + i];
    return size;
  };
  if (content.size() <= kExtendedFlags || !is(kFirstChunk, "VP8X")) return {};
  if ((content[kExtendedFlags] & kHasExif) == 0) return {};
  for (std::size_t at = kFirstChunk; at + 8 <= content.size();) {
    const std::size_t size = size_at(at + 4);
    const std::size_t data = at + 8;
    if (size > content.size() - data) break;
    if (is(at, "EXIF")) return content.subspan(data, size);
    at = data + size + size % 2;
  }
  if (content.size() < size_at(4) + 8) throw DecodeError("damaged WebP: the file ends too early");
  return {};
}

}  // namespace

const Codec kWebpCodec{has_webp_signature, read_size, decode, decode_part, exif};

}  // namespace wring
