#pragma once
#include <cstdint>

#include "wring_train/nn/edsr.h"

namespace wring {

// Floating-point operations (a multiply-add is two) that the convolutions of one training sample take: forward, data
// gradients (none for the first layer: images need none) and weight gradients. Those executed: with `folded_tail` the
// one 5×5 convolution that stands for the tail. lr_height and lr_width: LR pixels of the sample. What works on weights
// alone (composing the tail, the optimiser) is not counted, nor are elementwise passes.
double training_flops_per_sample(const EdsrShape& shape, std::int64_t lr_height, std::int64_t lr_width,
                                 bool folded_tail);

// Of the perceptual loss for one HR sample: the features of both images and the gradient to one of them.
double perceptual_flops_per_sample(std::int64_t hr_height, std::int64_t hr_width);

}  // namespace wring
