#pragma once
#include <string>
#include <vector>

#include "wring_train/data/dataset.h"
#include "wring_train/image/image.h"

namespace wring {

// The two images of an evaluation: HR cropped to a multiple of the scale, and its LR version (the data set's own file,
// or MATLAB bicubic).
struct EvaluationPair {
  std::string name;  // the HR file's name without its ending
  Image hr;
  Image lr;
};
EvaluationPair load_evaluation_pair(const ImagePair& pair, int scale);

struct Score {
  std::string name;
  double psnr_y = 0;  // dB
  double ssim_y = 0;
};

// The protocol of super-resolution papers: PSNR and SSIM on Y with `scale` border pixels cropped (see quality.h).
Score score(const EvaluationPair& pair, const Image& sr, int scale);

// Mean over images; a PSNR of infinity (equal images) makes the mean infinite.
Score mean_score(const std::vector<Score>& scores);

}  // namespace wring
