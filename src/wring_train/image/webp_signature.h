#pragma once
#include <cstring>

#include "wring_train/image/codecs.h"

namespace wring {

// RIFF, four bytes of length, WEBP.
inline bool has_webp_signature(Bytes content) {
  return content.size() >= 12 && std::memcmp(content.data(), "RIFF", 4) == 0 &&
         std::memcmp(content.data() + 8, "WEBP", 4) == 0;
}

}  // namespace wring
