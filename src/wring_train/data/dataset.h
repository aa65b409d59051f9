#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "wring_train/image/image.h"

namespace wring {

// An HR image and, where the data set brings it, its LR version.
struct ImagePair {
  std::filesystem::path hr;
  std::optional<std::filesystem::path> lr;
};

struct SkippedImage {
  std::filesystem::path path;
  std::string reason;
  bool readable = true;  // whether it is intact, but not what is asked for, such as too small
};

// The images of a folder (and its sub-folders) that can be used, sorted by path, and those that cannot.
struct ImageSet {
  std::vector<ImagePair> pairs;
  std::vector<ImageSize> sizes;  // of pairs[i].hr
  std::vector<SkippedImage> skipped;
};

// Lists `hr_folder` (hidden files and what is not .png, .jpg, .jpeg or .webp are passed over; links that lead nowhere
// or in a circle, FIFOs, sockets and devices of such a name are left out with the reason), pairs each file with the one
// of the same path and stem in `lr_folder` where given (also DIV2K's <stem>x<scale>, and its sub-folder X<scale> where
// there is one), reads every header, and leaves out what is corrupt or smaller than `min_size` HR pixels on a side,
// with the reason. Throws Error{failed}: a folder that does not exist, no image in it, no usable image left (with the
// first reasons), an HR without its LR, sizes that do not fit (HR must be LR × scale, after crop_to_multiple). With
// `meta_info` only the images that this text file names are taken: one a line, relative to `hr_folder`, in BasicSR's
// form, where "(height,width,channels)" may follow. A line that names no file of that folder is an error with its
// number, as is a list of more than 256 MiB, or that is no regular file. Throws Unreadable for a folder that is there
// and cannot be read. `cancelled` is asked while headers are read; Error{interrupted} then.
ImageSet scan_images(const std::filesystem::path& hr_folder, const std::optional<std::filesystem::path>& lr_folder,
                     int scale, int min_size, const std::optional<std::filesystem::path>& meta_info = std::nullopt,
                     const std::function<bool()>& cancelled = {});

}  // namespace wring
