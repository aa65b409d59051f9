#pragma once
#include <filesystem>

#include "wring/base/text.h"
#include "wring/config/train_config.h"

namespace wring {

// Where the perceptual loss's VGG-19 takes its weights from.
struct VggWeights {
  std::filesystem::path file;  // empty: there is none, and the weights are random
  bool given = false;          // by perceptual_weights_file; else looked for where PyTorch keeps them
};

// perceptual_weights_file where it is given, whether or not it is there ("random": none is wanted); else PyTorch's own
// file where it exists.
VggWeights find_vgg_weights(const TrainConfig& config);

// Where PyTorch's hub keeps what torchvision.models.vgg19 downloads: hub/checkpoints/vgg19-dcbb9e9d.pth in $TORCH_HOME,
// else in $XDG_CACHE_HOME/torch, else in ~/.cache/torch (torch/hub.py). The file need not exist.
std::filesystem::path torch_vgg_weights();

// What a user reads of it: one sentence that begins with "perceptual loss:".
Text describe(const VggWeights& weights);

}  // namespace wring
