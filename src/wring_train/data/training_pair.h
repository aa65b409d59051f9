#pragma once
#include <optional>

#include "wring_train/data/dataset.h"
#include "wring_train/image/image.h"

namespace wring {

// The files of a pair as training reads them. `scanned` is the HR file's size when the set was scanned; "the whole
// image" is the file's, cut to a multiple of the scale (its LR image is the quotient). All throw Error{failed}: what
// read_image throws, or the file's size has changed since then, or is not what its HR image needs.

// The whole image, or of the file at least the wanted rectangle (LR: of the LR image), decoded no further than that
// needs: damage behind it may go unseen. RGB.
ImagePart read_training_hr(const ImagePair& pair, ImageSize scanned, int scale, const std::optional<Rectangle>& wanted);
ImagePart read_training_lr(const ImagePair& pair, ImageSize scanned, int scale, const std::optional<Rectangle>& wanted);

}  // namespace wring
