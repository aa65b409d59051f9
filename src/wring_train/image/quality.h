#pragma once
#include "wring_train/image/image.h"

namespace wring {

// Image quality as super-resolution papers report it: on Y of BT.601 studio range, in double, with `border`
// pixels cropped on every side. A one-channel image is its own Y. Both images must have the same size and
// channels; throws Error{failed} otherwise, or when the border leaves nothing (SSIM needs 11×11 pixels).

// 10 log10(255² / MSE), in dB; infinity for equal images.
double psnr_y(const Image& image, const Image& reference, int border);

// Mean structural similarity (Wang et al. 2004): 11×11 Gaussian window, σ 1.5, valid region, K1 0.01, K2
// 0.03.
double ssim_y(const Image& image, const Image& reference, int border);

}  // namespace wring
