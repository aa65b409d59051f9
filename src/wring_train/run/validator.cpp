#include "wring_train/run/validator.h"

namespace wring {
namespace {

// Up to this many HR pixels (about 0.8 GB as RGB bytes with their LR) are decoded once instead of at every validation.
constexpr std::int64_t kKeepPixels = 256'000'000;

}  // namespace

Validator::Validator(ImageSet images, int scale) : images_(std::move(images)), scale_(scale) {
  std::int64_t pixels = 0;
  for (const ImageSize& size : images_.sizes) pixels += std::int64_t{size.width} * size.height;
  keep_ = pixels <= kKeepPixels;
}

Score Validator::operator()(const Upscaler& upscale) {
  std::vector<Score> scores;
  for (std::size_t i = 0; i < images_.pairs.size(); ++i) {
    if (keep_ && i < kept_.size()) {
      scores.push_back(score(kept_[i], upscale(kept_[i].lr), scale_));
      continue;
    }
    EvaluationPair pair = load_evaluation_pair(images_.pairs[i], scale_);
    scores.push_back(score(pair, upscale(pair.lr), scale_));
    if (keep_) kept_.push_back(std::move(pair));
  }
  return mean_score(scores);
}

}  // namespace wring
