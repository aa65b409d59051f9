#pragma once
// A small set of drawn images for the tests of the loader, and its batches as bytes that can be compared.
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring_train/data/loader.h"
#include "wring_train/data/random.h"
#include "wring_train/data/sampling.h"
#include "wring_train/image/bicubic.h"

namespace wring {

using Bytes = std::string;

inline Bytes hr_of(const Batch& batch) {
  const std::size_t bytes = std::size_t(batch.size) * batch.hr_patch * batch.hr_patch * 3;
  return Bytes(batch.hr.get(), batch.hr.get() + bytes);
}
inline Bytes lr_of(const Batch& batch) {
  const std::size_t bytes = std::size_t(batch.size) * batch.lr_patch * batch.lr_patch * 3;
  return Bytes(batch.lr.get(), batch.lr.get() + bytes);
}

// Everything that `count` batches hold, so that two runs can be compared.
inline std::vector<Bytes> take(Loader& loader, int count) {
  std::vector<Bytes> all;
  for (int i = 0; i < count; ++i) {
    const Batch batch = loader.next();
    all.push_back(std::to_string(batch.step));
    all.push_back(hr_of(batch));
    all.push_back(lr_of(batch));
  }
  return all;
}

class LoaderTest : public testing::Test {
 protected:
  static constexpr int kImages = 6;
  static constexpr int kScale = 2;
  static constexpr int kPatch = 8;

  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) / ("wring_loader_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    for (int i = 0; i < kImages; ++i) add_image(i, 21 + i, 18 + 2 * i, i == 2 ? 1 : 3);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // Noise, so that no two places look alike; but the top bits of every pixel tell the image.
  void add_image(int index, int width, int height, int channels) {
    Image image(width, height, channels);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) {
      image.pixels[i] = static_cast<std::uint8_t>(index * 32 + (random_bits(77, index, i) & 31));
    }
    const std::filesystem::path path = folder_ / ("image" + std::to_string(index) + ".png");
    write_png(path, image);
    images_.pairs.push_back({path, std::nullopt});
    images_.sizes.push_back({width, height});
    hr_.push_back(to_rgb(crop_to_multiple(image, kScale)));
  }

  // Every HR pixel of a patch belongs to one image.
  static int image_of(const Batch& batch, int sample) {
    return batch.hr.get()[std::size_t(sample) * kPatch * kPatch * 3] / 32;
  }

  void give_lr_files() {
    for (std::size_t i = 0; i < images_.pairs.size(); ++i) {
      images_.pairs[i].lr = folder_ / ("lr" + std::to_string(i) + ".png");
      Image lr = bicubic_shrink(hr_[i], kScale);
      for (auto& pixel : lr.pixels) pixel ^= 0x55;  // not what bicubic would give
      write_png(*images_.pairs[i].lr, lr);
      lr_.push_back(lr);
    }
  }

  void damage(int index) const {
    const std::filesystem::path path = images_.pairs[index].hr;
    std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  }

  LoaderOptions options() const {
    LoaderOptions options;
    options.samples.batch_size = 3;
    options.samples.patch_size = kPatch;
    options.samples.scale = kScale;
    options.samples.seed = 11;
    return options;
  }

  // HR and LR of sample i of a batch, as the documentation says they are cut, the slow way.
  void expect_sample(const Batch& batch, int i, const Image& hr, const Image& lr, const LoaderOptions& options) const {
    const int lr_patch = kPatch / kScale;
    const SampleCrop crop = draw_crop(options.samples.seed, batch.step * batch.size + i, lr.width - lr_patch + 1,
                                      lr.height - lr_patch + 1, options.samples.hflip, options.samples.rotate);
    const auto expect_patch = [&](const Image& image, int left, int top, int patch, const std::uint8_t* pixels) {
      for (int y = 0; y < patch; ++y) {
        for (int x = 0; x < patch; ++x) {
          int from_x = crop.transpose ? y : x;
          int from_y = crop.transpose ? x : y;
          if (crop.hflip) from_x = patch - 1 - from_x;
          if (crop.vflip) from_y = patch - 1 - from_y;
          const std::uint8_t* expected = image.row(top + from_y) + std::size_t(left + from_x) * 3;
          ASSERT_EQ(std::memcmp(pixels + (std::size_t(y) * patch + x) * 3, expected, 3), 0)
              << "step " << batch.step << " sample " << i << " at " << x << ", " << y;
        }
      }
    };
    expect_patch(hr, crop.x * kScale, crop.y * kScale, kPatch, batch.hr.get() + std::size_t(i) * kPatch * kPatch * 3);
    expect_patch(lr, crop.x, crop.y, lr_patch, batch.lr.get() + std::size_t(i) * lr_patch * lr_patch * 3);
  }

  std::filesystem::path folder_;
  ImageSet images_;
  std::vector<Image> hr_;  // as RGB, cropped to a multiple of the scale
  std::vector<Image> lr_;
};

}  // namespace wring
