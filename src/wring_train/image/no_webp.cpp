// Linked instead of webp_file.cpp where libwebp is absent.
#include "wring_train/image/codecs.h"
#include "wring_train/image/webp_signature.h"

namespace wring {
namespace {

constexpr const char* kNotBuilt = "this build cannot read WebP (libwebp was absent)";

ImageSize read_size(Bytes) {
  throw DecodeError(kNotBuilt);
}
Image decode(Bytes, Alpha) {
  throw DecodeError(kNotBuilt);
}

ImagePart decode_part(Bytes, const Rectangle&) {
  throw DecodeError(kNotBuilt);
}
Bytes exif(Bytes) {
  return {};
}

}  // namespace

const Codec kWebpCodec{has_webp_signature, read_size, decode, decode_part, exif};

}  // namespace wring
