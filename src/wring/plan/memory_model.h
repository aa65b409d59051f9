#pragma once
#include "wring/config/train_config.h"

namespace wring {

// Device memory that a training step of EDSR is expected to allocate at its peak, on one GPU, in MiB. With
// C channels, N blocks, scale s, e bytes an element (2 with mixed precision, else 4):
//
//   weights      16 bytes a parameter (fp32 weight, gradient, two Adam moments), + 4 for the EMA, + 2 for the
//                16-bit copy
//   activations  per LR pixel of the batch, what the backward pass reads again:
//                  C·(2 + 2N)          conv_first, two tensors a block, the sum after the body
//                  C·Σ r² over stages  the pixel-shuffled output of each upsampling stage at r× (×4: 4C +
//                  16C) 3·s²                the output, in fp32
//   transients   per LR pixel, twice the largest tensor of the network (s²·C): its gradient, and the copy
//   that a
//                pixel shuffle makes of it
//   batch        HR and LR patches, in fp32
//   perceptual   VGG-19 to conv5_4: its weights, 326 stored values an HR pixel, eight-byte indices of its 30
//   pooled
//                values, twice its largest tensor (64 channels at full resolution)
//
// The tail is taken as unfolded, so that where it is folded the true figure is about half. The CUDA context
// (some hundred MiB), cuDNN's workspaces and fragmentation are not included: keep a reserve. Measured: C128
// N12 ×4, patch 256, batch 64, bf16: 5528 MiB.
double training_memory_mib(const TrainConfig& config);

// Parameters of the network, as it is checkpointed.
double edsr_parameter_count(const TrainConfig& config);

}  // namespace wring
