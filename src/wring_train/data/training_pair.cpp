#include "wring_train/data/training_pair.h"

#include <utility>

#include <fmt/format.h>

#include "wring/base/error.h"

namespace wring {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& reason) {
  throw Error(ErrorCode::failed, fmt::format("{} {}", path.string(), reason),
              "do not change the images while training runs");
}

ImagePart read_rgb(const std::filesystem::path& path, const std::optional<Rectangle>& wanted) {
  ImagePart part = wanted ? read_image_part(path, *wanted) : whole(read_image(path));
  if (part.pixels.channels != 3) part.pixels = to_rgb(part.pixels);
  return part;
}

}  // namespace

ImagePart read_training_hr(const ImagePair& pair, ImageSize scanned, int scale,
                           const std::optional<Rectangle>& wanted) {
  ImagePart part = read_rgb(pair.hr, wanted);
  if (part.whole_width != scanned.width || part.whole_height != scanned.height) {
    refuse(pair.hr, fmt::format("has changed since the data set was scanned: it was {}×{}, it is {}×{}", scanned.width,
                                scanned.height, part.whole_width, part.whole_height));
  }
  return cut_whole(std::move(part), scanned.width / scale * scale, scanned.height / scale * scale);
}

ImagePart read_training_lr(const ImagePair& pair, ImageSize scanned, int scale,
                           const std::optional<Rectangle>& wanted) {
  ImagePart part = read_rgb(*pair.lr, wanted);
  if (part.whole_width != scanned.width / scale || part.whole_height != scanned.height / scale) {
    refuse(*pair.lr, fmt::format("is {}×{}, but its HR image needs {}×{}", part.whole_width, part.whole_height,
                                 scanned.width / scale, scanned.height / scale));
  }
  return part;
}

}  // namespace wring
