#pragma once
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "wring_train/data/dataset.h"
#include "wring_train/image/image.h"

namespace wring {

struct ImageFilesOptions {
  int scale = 4;
  int patch_size = 0;                                // HR pixels
  std::function<void(const SkippedImage&)> on_skip;  // called once per image, from any thread
};

// The images of a set as files that are decoded anew for every patch, no further than the patch needs. An image that
// cannot be used (unreadable, changed since the scan) is reported once and stays unusable, whichever thread finds it.
class ImageFiles {
 public:
  // Both hold at least the patch; the places are those in the whole images.
  struct Patch {
    ImagePart hr;
    ImagePart lr;
  };

  ImageFiles(ImageSet images, ImageFilesOptions options);

  std::size_t size() const { return images_.pairs.size(); }
  // Whether nothing has been found wrong with the image so far.
  bool usable(std::size_t index) const { return health_[index] != Health::unusable; }
  // HR, as the set was scanned, cut to a multiple of the scale.
  ImageSize size_of(std::size_t index) const;

  // The patch whose corner is (x, y) LR pixels. nullopt when the image cannot be used. Which images can be used depends
  // on the files alone, not on where the first patch is cut: the first time, an image is decoded as a whole, so that
  // damage anywhere in it is seen.
  std::optional<Patch> read(std::size_t index, int x, int y);

 private:
  enum class Health : unsigned char { unknown, whole, unusable };

  Patch decode(std::size_t index, int x, int y, bool whole) const;
  void skip(std::size_t index, const std::string& reason);

  ImageSet images_;
  ImageFilesOptions options_;
  std::unique_ptr<std::atomic<Health>[]> health_;
};

}  // namespace wring
