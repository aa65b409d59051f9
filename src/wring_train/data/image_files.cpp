#include "wring_train/data/image_files.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring_train/data/training_pair.h"
#include "wring_train/image/bicubic.h"

namespace wring {
namespace {

// The smallest rectangle that holds both.
Rectangle around(const Rectangle& a, const Rectangle& b) {
  const int left = std::min(a.x, b.x);
  const int top = std::min(a.y, b.y);
  return {left, top, std::max(a.x + a.width, b.x + b.width) - left, std::max(a.y + a.height, b.y + b.height) - top};
}

}  // namespace

ImageFiles::ImageFiles(ImageSet images, ImageFilesOptions options)
    : images_(std::move(images)),
      options_(std::move(options)),
      health_(std::make_unique<std::atomic<Health>[]>(images_.pairs.size())) {
  for (std::size_t i = 0; i < images_.sizes.size(); ++i) {
    const ImageSize& size = images_.sizes[i];
    if (size.width >= options_.patch_size && size.height >= options_.patch_size) continue;
    skip(i, fmt::format("{} is {}×{}, smaller than the patch of {}", images_.pairs[i].hr.string(), size.width,
                        size.height, options_.patch_size));
  }
}

ImageSize ImageFiles::size_of(std::size_t index) const {
  const ImageSize& size = images_.sizes[index];
  return {size.width / options_.scale * options_.scale, size.height / options_.scale * options_.scale};
}

std::optional<ImageFiles::Patch> ImageFiles::read(std::size_t index, int x, int y) {
  const Health health = health_[index];
  if (health == Health::unusable) return std::nullopt;
  try {
    Patch patch = decode(index, x, y, health == Health::unknown);
    if (health == Health::unknown) {
      Health unknown = Health::unknown;  // another thread may have found it unusable meanwhile
      if (!health_[index].compare_exchange_strong(unknown, Health::whole) && unknown == Health::unusable) {
        return std::nullopt;
      }
    }
    return patch;
  } catch (const Error& error) {
    skip(index, error.what());
    return std::nullopt;
  }
}

ImageFiles::Patch ImageFiles::decode(std::size_t index, int x, int y, bool whole) const {
  const ImagePair& pair = images_.pairs[index];
  const int scale = options_.scale;
  const int lr_patch = options_.patch_size / scale;
  const Rectangle lr_wanted{x, y, lr_patch, lr_patch};
  Rectangle hr_wanted{x * scale, y * scale, options_.patch_size, options_.patch_size};
  if (!pair.lr) hr_wanted = around(hr_wanted, shrink_support(scale, lr_wanted));
  const auto only = [whole](const Rectangle& wanted) { return whole ? std::nullopt : std::optional(wanted); };

  Patch patch{read_training_hr(pair, images_.sizes[index], scale, only(hr_wanted)), {}};
  if (pair.lr) {
    patch.lr = read_training_lr(pair, images_.sizes[index], scale, only(lr_wanted));
  } else {
    patch.lr = {bicubic_shrink_region(patch.hr, scale, lr_wanted), x, y, patch.hr.whole_width / scale,
                patch.hr.whole_height / scale};
  }
  return patch;
}

void ImageFiles::skip(std::size_t index, const std::string& reason) {
  if (health_[index].exchange(Health::unusable) == Health::unusable) return;
  if (options_.on_skip) options_.on_skip({images_.pairs[index].hr, reason});
}

}  // namespace wring
