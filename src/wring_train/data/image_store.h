#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "wring_train/data/dataset.h"
#include "wring_train/data/sampling.h"

namespace wring {

struct StoreOptions {
  int scale = 4;
  int patch_size = 0;  // HR pixels
  bool cache_decoded = true;
  std::function<void(const SkippedImage&)> on_skip;  // called once per image, from any thread
};

// The decoded images of a set, read when first needed and shared by all threads. An image that cannot be used
// (unreadable, changed since the scan) is reported once and stays unusable, whichever thread finds it.
class ImageStore {
 public:
  // One usable image as RGB: HR cropped to a multiple of the scale, and its LR image. No LR image is kept when the
  // HR image is decoded anew for every sample: only the window that is needed is computed then.
  struct Decoded {
    Image hr;
    std::optional<Image> lr;
  };

  ImageStore(ImageSet images, StoreOptions options);

  std::size_t size() const { return images_.pairs.size(); }
  bool all_unusable() const { return unusable_.load() == size(); }

  // nullptr when the image cannot be used.
  std::shared_ptr<const Decoded> get(std::size_t index);

 private:
  struct Slot {
    std::mutex decoding;  // two threads never decode the same image at once when it is to be kept
    std::atomic<bool> unusable{false};
    std::shared_ptr<const Decoded> kept;  // guarded by decoding
  };

  std::shared_ptr<const Decoded> read(std::size_t index);
  Decoded decode(std::size_t index) const;
  void skip(std::size_t index, const std::string& reason);

  ImageSet images_;
  StoreOptions options_;
  std::unique_ptr<Slot[]> slots_;
  std::atomic<std::size_t> unusable_{0};
};

}  // namespace wring
