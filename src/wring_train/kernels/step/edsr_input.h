#pragma once
#include "wring_train/kernels/low_type.h"
#include "wring_train/kernels/step/sample_batch.h"

namespace wring::kernels {

// A row of input_patches: 27 values of the 3×3 neighbourhood (row, column, channel), a 1 that carries the bias, zeros.
constexpr int kPatchRow = 32;
constexpr int kPatchBias = 27;

// The first convolution's input as the matrix whose product with its weights is the convolution: for each LR pixel of
// each sample its neighbourhood, (byte / 255 − mean) · 255, zero outside the patch. `out`: (batch · lr_patch²,
// kPatchRow) of `type`. Reads the bytes straight from the images: crops, flips and transposes on the way.
void input_patches(const ImagesView& images, const SampleDraw* draws, int batch, int lr_patch, LowType type, void* out,
                   void* stream);

}  // namespace wring::kernels
