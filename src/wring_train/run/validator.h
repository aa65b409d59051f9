#pragma once
#include <cstdint>
#include <vector>

#include "wring_train/data/dataset.h"
#include "wring_train/dist/ranks.h"
#include "wring_train/run/evaluation.h"
#include "wring_train/run/upscaler.h"

namespace wring {

// Full HR images do not fit where training patches do; LR tiles of this side keep validation's memory small.
inline constexpr int kValidationTile = 256;

// Scores a network on the validation set during training. The decoded pairs stay in memory when they are few.
class Validator {
 public:
  Validator(ImageSet images, int scale);

  // The mean over all images; each rank scores its share of them, and every rank gets the same mean, to the bit that
  // one process alone would get.
  Score operator()(const Upscaler& upscale, Ranks& ranks = lone_rank());

  std::size_t image_count() const { return images_.pairs.size(); }

 private:
  ImageSet images_;
  int scale_;
  bool keep_ = false;
  std::vector<EvaluationPair> kept_;
};

}  // namespace wring
