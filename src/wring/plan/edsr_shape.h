#pragma once
#include <cstdint>

namespace wring {

// What is fixed in every EDSR (Lim et al. 2017). Free of torch and constexpr, so that kernels include it too.

inline constexpr float kEdsrMean[3] = {0.4488F, 0.4371F, 0.4040F};  // DIV2K's mean colour, RGB

// The tail enlarges `stages` times by `factor`: ×8 is three times ×2, ×3 is once ×3.
struct EdsrUpsampling {
  std::int64_t stages;
  std::int64_t factor;
};

constexpr EdsrUpsampling edsr_upsampling(std::int64_t scale) {
  if (scale == 3) return {1, 3};
  EdsrUpsampling result{0, 2};
  for (std::int64_t reached = 1; reached < scale; reached *= 2) ++result.stages;
  return result;
}

constexpr bool edsr_has_scale(std::int64_t scale) {
  return scale == 1 || scale == 2 || scale == 3 || scale == 4 || scale == 8;
}

}  // namespace wring
