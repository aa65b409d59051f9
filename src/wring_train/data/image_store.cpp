#include "wring_train/data/image_store.h"

#include <utility>

#include <fmt/format.h>

#include "wring/base/error.h"
#include "wring_train/data/bicubic.h"

namespace wring {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& reason) {
  throw Error(ErrorCode::failed, fmt::format("{} {}", path.string(), reason),
              "do not change the images while training runs");
}

Image as_rgb(Image image) {
  return image.channels == 3 ? std::move(image) : to_rgb(image);
}

Image whole_multiple(Image image, int scale) {
  if (image.width % scale == 0 && image.height % scale == 0) return image;
  return crop_to_multiple(image, scale);
}

}  // namespace

ImageStore::ImageStore(ImageSet images, StoreOptions options)
    : images_(std::move(images)), options_(std::move(options)), slots_(new Slot[images_.pairs.size()]) {}

std::shared_ptr<const ImageStore::Decoded> ImageStore::get(std::size_t index) {
  Slot& slot = slots_[index];
  if (slot.unusable.load()) return nullptr;
  if (!options_.cache_decoded) return read(index);
  const std::lock_guard lock(slot.decoding);
  if (slot.kept == nullptr && !slot.unusable.load()) slot.kept = read(index);
  return slot.kept;
}

std::shared_ptr<const ImageStore::Decoded> ImageStore::read(std::size_t index) {
  try {
    return std::make_shared<const Decoded>(decode(index));
  } catch (const Error& error) {
    skip(index, error.what());
    return nullptr;
  }
}

ImageStore::Decoded ImageStore::decode(std::size_t index) const {
  const ImagePair& pair = images_.pairs[index];
  const int scale = options_.scale;
  Decoded decoded{as_rgb(read_image(pair.hr)), std::nullopt};
  Image& hr = decoded.hr;
  if (index < images_.sizes.size()) {
    const ImageSize& scanned = images_.sizes[index];
    if (hr.width != scanned.width || hr.height != scanned.height) {
      refuse(pair.hr, fmt::format("has changed since the data set was scanned: it was {}×{}, it is {}×{}",
                                  scanned.width, scanned.height, hr.width, hr.height));
    }
  }
  if (hr.width < options_.patch_size || hr.height < options_.patch_size) {
    refuse(pair.hr, fmt::format("is {}×{}, smaller than the patch of {}", hr.width, hr.height, options_.patch_size));
  }
  hr = whole_multiple(std::move(hr), scale);
  if (pair.lr) {
    decoded.lr = as_rgb(read_image(*pair.lr));
    if (decoded.lr->width != hr.width / scale || decoded.lr->height != hr.height / scale) {
      refuse(*pair.lr, fmt::format("is {}×{}, but its HR image needs {}×{}", decoded.lr->width, decoded.lr->height,
                                   hr.width / scale, hr.height / scale));
    }
  } else if (options_.cache_decoded) {
    decoded.lr = bicubic_shrink(hr, scale);
  }
  return decoded;
}

void ImageStore::skip(std::size_t index, const std::string& reason) {
  if (slots_[index].unusable.exchange(true)) return;
  // The notice comes before the count: whoever sees all images unusable has then been told about each.
  if (options_.on_skip) options_.on_skip({images_.pairs[index].hr, reason});
  ++unusable_;
}

}  // namespace wring
