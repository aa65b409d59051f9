#include "wring_train/train/validator.h"

#include <utility>

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

// PSNR and SSIM of every image of this rank's share.
std::vector<double> Validator::score_share(const Upscaler& upscale, const std::function<void()>& while_working,
                                           const Ranks& ranks) {
  std::vector<double> own;
  for (auto i = static_cast<std::size_t>(ranks.rank()); i < images_.pairs.size(); i += std::size_t(ranks.size())) {
    const std::size_t place = own.size() / 2;
    std::optional<EvaluationPair> loaded;
    if (!keep_ || place == kept_.size()) loaded = load_evaluation_pair(images_.pairs[i], scale_);
    if (keep_ && loaded) kept_.push_back(std::move(*loaded));
    const EvaluationPair& pair = keep_ ? kept_[place] : *loaded;
    while_working();
    const Score one = score(pair, upscale(pair.lr), scale_);
    while_working();
    own.push_back(one.psnr_y);
    own.push_back(one.ssim_y);
  }
  return own;
}

std::optional<Score> Validator::operator()(Upscaler& upscale, SharedStop& stop, Ranks& ranks) {
  struct GivenUp {};
  const auto give_up_if_asked = [&stop] {
    if (stop.requested()) throw GivenUp();
  };
  upscale.while_working(give_up_if_asked);
  std::vector<double> own;
  try {
    own = score_share(upscale, give_up_if_asked, ranks);
  } catch (const GivenUp&) {
    return std::nullopt;
  }
  if (!stop.all_finished()) return std::nullopt;
  return mean_of(ranks.gather(own));
}

Score Validator::operator()(const Upscaler& upscale) {
  return mean_of({score_share(
      upscale, [] {}, lone_rank())});
}

Score Validator::mean_of(const std::vector<std::vector<double>>& shares) const {
  const std::size_t stride = shares.size();
  std::vector<Score> scores;
  for (std::size_t i = 0; i < images_.pairs.size(); ++i) {
    const std::vector<double>& from = shares[i % stride];
    scores.push_back({"", from.at(i / stride * 2), from.at(i / stride * 2 + 1)});
  }
  return mean_score(scores);
}

}  // namespace wring
