#include "wring_train/run/validator.h"

#include <optional>

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

Score Validator::operator()(const Upscaler& upscale, Ranks& ranks) {
  const auto first = static_cast<std::size_t>(ranks.rank());
  const auto stride = static_cast<std::size_t>(ranks.size());
  std::vector<double> own;  // PSNR and SSIM of every stride-th image
  for (std::size_t i = first; i < images_.pairs.size(); i += stride) {
    const std::size_t place = own.size() / 2;
    std::optional<EvaluationPair> loaded;
    if (!keep_ || place == kept_.size()) loaded = load_evaluation_pair(images_.pairs[i], scale_);
    if (keep_ && loaded) kept_.push_back(std::move(*loaded));
    const EvaluationPair& pair = keep_ ? kept_[place] : *loaded;
    const Score one = score(pair, upscale(pair.lr), scale_);
    own.push_back(one.psnr_y);
    own.push_back(one.ssim_y);
  }
  const auto all = ranks.gather(own);
  std::vector<Score> scores;
  for (std::size_t i = 0; i < images_.pairs.size(); ++i) {
    const std::vector<double>& from = all[i % stride];
    scores.push_back({"", from.at(i / stride * 2), from.at(i / stride * 2 + 1)});
  }
  return mean_score(scores);
}

}  // namespace wring
