#pragma once
#include <memory>
#include <optional>

#include "wring_train/engine/graph/work.h"
#include "wring_train/nn/loss.h"

namespace wring {

// The eager engine's forward, loss and backward through LibTorch's autograd, for what the fused step does not cover.
// `model`: parameters are leaves that require gradients. `perceptual` may be null and outlives the work.
std::unique_ptr<GraphWork> make_autograd_work(const TrainConfig& config, const Edsr& model, const FlatVectors& vectors,
                                              std::optional<at::ScalarType> low_precision,
                                              const PerceptualLoss* perceptual);

}  // namespace wring
