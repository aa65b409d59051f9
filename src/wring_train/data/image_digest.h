#pragma once
#include <filesystem>
#include <string>

#include "wring_train/data/dataset.h"

namespace wring {

// 32 hexadecimal digits that follow from which images a set has: their names below `folder`, the bytes of their files
// and of their LR versions, and their sizes in pixels. The folder's own place does not count, nor do times: a copy of a
// data set has the digest of the original.
std::string image_files_digest(const ImageSet& images, const std::filesystem::path& folder);

}  // namespace wring
