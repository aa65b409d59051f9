#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "wring_train/data/dataset.h"
#include "wring_train/dist/ranks.h"
#include "wring_train/restore/evaluation.h"
#include "wring_train/restore/upscaler.h"
#include "wring_train/train/shared_stop.h"

namespace wring {

// Full HR images do not fit where training patches do; LR tiles of this side keep validation's memory small.
inline constexpr int kValidationTile = 256;

// Scores a network on the validation set during training. The decoded pairs stay in memory when they are few.
class Validator {
 public:
  Validator(ImageSet images, int scale);

  // The mean over all images; each rank scores its share of them, and every rank gets the same mean, to the bit that
  // one process alone would get. Nothing, on every rank, where `stop` is requested meanwhile.
  std::optional<Score> operator()(Upscaler& upscale, SharedStop& stop, Ranks& ranks);
  // By this process alone, to the end.
  Score operator()(const Upscaler& upscale);

  std::size_t image_count() const { return images_.pairs.size(); }

 private:
  std::vector<double> score_share(const Upscaler& upscale, const std::function<void()>& while_working,
                                  const Ranks& ranks);
  Score mean_of(const std::vector<std::vector<double>>& shares) const;

  ImageSet images_;
  int scale_;
  bool keep_ = false;
  std::vector<EvaluationPair> kept_;
};

}  // namespace wring
