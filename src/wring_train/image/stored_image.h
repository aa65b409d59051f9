#pragma once
#include <cstdint>

namespace wring {

// Where one image of a decoded set lies in its block of bytes: RGB, rows without padding. Plain data, the same on the
// host and on a device.
struct StoredImage {
  std::uint64_t hr_offset = 0;  // bytes from the start of the block
  std::uint64_t lr_offset = 0;
  std::int32_t hr_width = 0;  // a multiple of the scale
  std::int32_t hr_height = 0;
  std::int32_t lr_width = 0;
  std::int32_t lr_height = 0;
};

}  // namespace wring
