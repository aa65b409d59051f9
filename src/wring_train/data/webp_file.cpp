#include <webp/decode.h>

#include "wring_train/data/image_codecs.h"
#include "wring_train/data/webp_signature.h"

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

ImageSize read_size(Bytes content) {
  const WebPBitstreamFeatures features = features_of(content);
  return {features.width, features.height};
}

Image decode(Bytes content, Alpha alpha) {
  const WebPBitstreamFeatures features = features_of(content);
  const bool keep = alpha == Alpha::keep && features.has_alpha != 0;
  Image image(features.width, features.height, keep ? 4 : 3);
  const auto into = keep ? WebPDecodeRGBAInto : WebPDecodeRGBInto;
  const int stride = image.width * image.channels;
  if (into(content.data(), content.size(), image.pixels.data(), image.pixels.size(), stride) == nullptr) {
    throw DecodeError("damaged WebP: its pixels cannot be decoded, or the file ends too early");
  }
  return image;
}

// Photographs in WebP are rare; they are decoded whole.
ImagePart decode_part(Bytes content, const Rectangle&) {
  return whole(decode(content, Alpha::drop));
}

}  // namespace

const Codec webp_codec{has_webp_signature, read_size, decode, decode_part};

}  // namespace wring
