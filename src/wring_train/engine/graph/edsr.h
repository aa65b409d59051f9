#pragma once
#include <memory>
#include <optional>
#include <string>

#include "wring_train/engine/graph/work.h"
#include "wring_train/kernels/low_type.h"

namespace wring {

// Why the fused step cannot run this configuration, or empty: it needs bf16 or fp16, channels divisible by 8, the
// folded tail, a pixel loss alone, and LR patches of at least 3×3.
std::string fused_step_obstacle(const TrainConfig& config, std::optional<at::ScalarType> low_precision);

// The parameter (in the flat vectors) from which on the fused step hands gradients over early, or 0: all come at the
// end. The same on all ranks.
std::int64_t early_gradients_from(const FlatLayout& layout, std::int64_t blocks);

// EDSR's training step without autograd: 16-bit NHWC activations, the convolutions of cuDNN, the folded tail
// (engine/graph/tail.h), and everything between them in single passes of own kernels. `vectors` is in FlatOrder::fused
// and outlives the work. `sparing`: rather memory than time, one kernel after another and each tensor's memory given
// back at once; by default where the batch is so large that time does not suffer.
std::unique_ptr<GraphWork> make_fused_work(const TrainConfig& config, const FlatVectors& vectors, kernels::LowType type,
                                           int batch, int lr_patch, std::optional<bool> sparing = {});

}  // namespace wring
