#include "wring_train/restore/evaluation.h"

#include "wring_train/image/bicubic.h"
#include "wring_train/image/quality.h"

namespace wring {

EvaluationPair load_evaluation_pair(const ImagePair& pair, int scale) {
  EvaluationPair loaded;
  loaded.name = pair.hr.stem().string();
  loaded.hr = crop_to_multiple(read_image(pair.hr), scale);
  if (pair.lr) {
    loaded.lr = read_image(*pair.lr);
    if (loaded.lr.channels != loaded.hr.channels) {
      loaded.lr = to_rgb(loaded.lr);
      loaded.hr = to_rgb(loaded.hr);
    }
  } else {
    loaded.lr = bicubic_shrink(loaded.hr, scale);
  }
  return loaded;
}

Score score(const EvaluationPair& pair, const Image& sr, int scale) {
  return {pair.name, psnr_y(sr, pair.hr, scale), ssim_y(sr, pair.hr, scale)};
}

Score mean_score(const std::vector<Score>& scores) {
  Score mean{"mean", 0, 0};
  for (const Score& one : scores) {
    mean.psnr_y += one.psnr_y / static_cast<double>(scores.size());
    mean.ssim_y += one.ssim_y / static_cast<double>(scores.size());
  }
  return mean;
}

}  // namespace wring
