#pragma once
#include "wring/config/train_config.h"

namespace wring {

// Device memory that a training step of EDSR is expected to allocate at its peak, on one GPU, in MiB. With
// C channels, N blocks, scale s, e bytes an element (2 with mixed precision, else 4), it is the sum of
//
// - weights: 16 bytes a parameter (fp32 weight, gradient, two Adam moments), 4 for the EMA, 2 for the 16-bit
//   copy;
// - activations, e bytes each, what the backward pass reads again, per LR pixel of the batch: C·(2 + 2N) for
//   conv_first, two tensors a block and the sum after the body; C·r² for the output of each upsampling stage,
//   at r times the resolution (×4: 4C + 16C);
// - transients, e bytes each, per LR pixel: 2·s²·C, the gradient of the largest tensor and the copy that a
//   pixel shuffle makes of it;
// - loss and batch, fp32, per LR pixel: 4·3·s² (SR, HR, their difference, its gradient) and 3 (LR);
// - perceptual loss: VGG-19's weights to conv5_4; per HR pixel 326 stored values, eight-byte indices of 30
//   pooled ones, and twice its largest tensor (64 channels).
//
// The tail is taken as unfolded: where it is folded, the true figure is about half. The CUDA context (some
// hundred MiB), cuDNN's workspaces and fragmentation are not included: keep a reserve.
// Measured on an H200: C128 N12 ×4, patch 256, batch 64, bf16: 5528 MiB. The formula gives 5289.
double training_memory_mib(const TrainConfig& config);

// Parameters of the network, as it is checkpointed.
double edsr_parameter_count(const TrainConfig& config);

}  // namespace wring
