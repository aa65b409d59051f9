#include "wring_train/data/loader.h"

#include <atomic>
#include <cstring>
#include <fstream>
#include <mutex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "wring/base/error.h"
#include "wring_train/data/bicubic.h"
#include "wring_train/data/random.h"
#include "wring_train/data/sampling.h"

namespace wring {
namespace {
namespace fs = std::filesystem;
using testing::HasSubstr;

using Bytes = std::string;

Bytes hr_of(const Batch& batch) {
  const std::size_t bytes = std::size_t(batch.size) * batch.hr_patch * batch.hr_patch * 3;
  return Bytes(batch.hr.get(), batch.hr.get() + bytes);
}
Bytes lr_of(const Batch& batch) {
  const std::size_t bytes = std::size_t(batch.size) * batch.lr_patch * batch.lr_patch * 3;
  return Bytes(batch.lr.get(), batch.lr.get() + bytes);
}

// Everything that `count` batches hold, so that two runs can be compared.
std::vector<Bytes> take(Loader& loader, int count) {
  std::vector<Bytes> all;
  for (int i = 0; i < count; ++i) {
    const Batch batch = loader.next();
    all.push_back(std::to_string(batch.step) + " of epoch " + std::to_string(batch.epoch));
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
    folder_ = fs::path(testing::TempDir()) / ("wring_loader_" + std::to_string(::getpid()));
    fs::create_directories(folder_);
    for (int i = 0; i < kImages; ++i) add_image(i, 21 + i, 18 + 2 * i, i == 2 ? 1 : 3);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // Noise, so that no two places look alike; but the top bits of every pixel tell the image.
  void add_image(int index, int width, int height, int channels) {
    Image image(width, height, channels);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) {
      image.pixels[i] = static_cast<std::uint8_t>(index * 32 + (random_bits(77, index, i) & 31));
    }
    const fs::path path = folder_ / ("image" + std::to_string(index) + ".png");
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
    const fs::path path = images_.pairs[index].hr;
    fs::resize_file(path, fs::file_size(path) / 2);
  }

  LoaderOptions options() const {
    LoaderOptions options;
    options.batch_size = 3;
    options.patch_size = kPatch;
    options.scale = kScale;
    options.seed = 11;
    return options;
  }

  // HR and LR of sample i of a batch, as the documentation says they are cut, the slow way.
  void expect_sample(const Batch& batch, int i, const Image& hr, const Image& lr, const LoaderOptions& options) const {
    const int lr_patch = kPatch / kScale;
    const SampleCrop crop = draw_crop(options.seed, batch.step * batch.size + i, lr.width - lr_patch + 1,
                                      lr.height - lr_patch + 1, options.hflip, options.rotate);
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

  fs::path folder_;
  ImageSet images_;
  std::vector<Image> hr_;  // as RGB, cropped to a multiple of the scale
  std::vector<Image> lr_;
};

TEST_F(LoaderTest, WorkersAndPrefetchDoNotChangeTheBatches) {
  Loader reference(images_, options());
  const std::vector<Bytes> expected = take(reference, 9);
  for (const int workers : {1, 3}) {
    for (const int prefetch : {1, 2, 7}) {
      for (const bool persistent : {true, false}) {
        LoaderOptions threaded = options();
        threaded.num_workers = workers;
        threaded.prefetch_factor = prefetch;
        threaded.persistent_workers = persistent;
        Loader loader(images_, threaded);
        EXPECT_EQ(take(loader, 9), expected) << workers << " workers, prefetch " << prefetch;
      }
    }
  }
}

TEST_F(LoaderTest, BatchesAreNumberedAndDescribed) {
  Loader loader(images_, options());
  EXPECT_EQ(loader.steps_per_epoch(), 2);
  EXPECT_EQ(loader.image_count(), 6U);
  loader.next();
  loader.next();
  const Batch third = loader.next();
  EXPECT_EQ(third.step, 2);
  EXPECT_EQ(third.epoch, 1);
  EXPECT_EQ(third.size, 3);
  EXPECT_EQ(third.hr_patch, 8);
  EXPECT_EQ(third.lr_patch, 4);
}

TEST_F(LoaderTest, PatchesAreCutFromOnePlaceInHrAndLr) {
  for (const bool cached : {true, false}) {
    LoaderOptions with = options();
    with.cache_decoded = cached;
    Loader loader(images_, with);
    for (int step = 0; step < 20; ++step) {
      const Batch batch = loader.next();
      for (int i = 0; i < batch.size; ++i) {
        const Image& hr = hr_[image_of(batch, i)];
        expect_sample(batch, i, hr, bicubic_shrink(hr, kScale), with);
      }
    }
  }
}

TEST_F(LoaderTest, GivenLrFilesAreUsedInsteadOfBicubic) {
  give_lr_files();
  for (const bool cached : {true, false}) {
    LoaderOptions with = options();
    with.cache_decoded = cached;
    Loader loader(images_, with);
    for (int step = 0; step < 6; ++step) {
      const Batch batch = loader.next();
      for (int i = 0; i < batch.size; ++i) {
        expect_sample(batch, i, hr_[image_of(batch, i)], lr_[image_of(batch, i)], with);
      }
    }
  }
}

TEST_F(LoaderTest, APatchLargerThanATileIsTurnedRightly) {
  Image image(52, 50, 3);
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(random_bits(1, 2, i));
  write_png(folder_ / "large.png", image);
  LoaderOptions with = options();
  with.scale = 1;
  with.patch_size = 37;
  with.batch_size = 1;
  Loader loader({{{folder_ / "large.png", std::nullopt}}, {{52, 50}}, {}}, with);
  for (int step = 0; step < 16; ++step) {
    const Batch batch = loader.next();
    const SampleCrop crop = draw_crop(with.seed, step, 52 - 37 + 1, 50 - 37 + 1, true, true);
    for (int y = 0; y < 37; ++y) {
      for (int x = 0; x < 37; ++x) {
        const int across = crop.transpose ? y : x;
        const int down = crop.transpose ? x : y;
        const std::uint8_t* expected =
            image.row(crop.y + (crop.vflip ? 36 - down : down)) + 3 * (crop.x + (crop.hflip ? 36 - across : across));
        ASSERT_EQ(std::memcmp(batch.hr.get() + 3 * (37 * y + x), expected, 3), 0) << step << ": " << x << ", " << y;
      }
    }
    EXPECT_EQ(lr_of(batch), hr_of(batch));
  }
}

TEST_F(LoaderTest, AnEpochShowsEveryImageEquallyOften) {
  LoaderOptions with = options();
  with.enlarge_ratio = 4;
  Loader loader(images_, with);
  ASSERT_EQ(loader.steps_per_epoch(), 8);
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::vector<int> shown(kImages);
    for (int step = 0; step < 8; ++step) {
      const Batch batch = loader.next();
      EXPECT_EQ(batch.epoch, epoch);
      for (int i = 0; i < batch.size; ++i) ++shown[image_of(batch, i)];
    }
    EXPECT_THAT(shown, testing::Each(4));
  }
}

TEST_F(LoaderTest, EpochsAndSeedsDiffer) {
  Loader loader(images_, options());
  LoaderOptions other = options();
  other.seed = 12;
  Loader reseeded(images_, other);
  std::set<Bytes> epochs;
  for (int epoch = 0; epoch < 5; ++epoch) {
    Bytes all;
    for (int step = 0; step < 2; ++step) {
      const Bytes hr = hr_of(loader.next());
      all.insert(all.end(), hr.begin(), hr.end());
    }
    epochs.insert(all);
  }
  EXPECT_EQ(epochs.size(), 5U);
  Loader again(images_, options());
  EXPECT_NE(hr_of(reseeded.next()), hr_of(again.next()));
}

TEST_F(LoaderTest, ResumingContinuesTheSameBatches) {
  Loader whole(images_, options());
  take(whole, 5);
  const std::vector<Bytes> expected = take(whole, 6);
  for (const int workers : {0, 2}) {
    LoaderOptions resumed = options();
    resumed.first_step = 5;
    resumed.num_workers = workers;
    resumed.persistent_workers = false;
    Loader loader(images_, resumed);
    EXPECT_EQ(take(loader, 6), expected);
  }
}

TEST_F(LoaderTest, ALoaderThatIsSentBackGivesTheSameBatchesAgain) {
  for (const int workers : {0, 2}) {
    LoaderOptions with = options();
    with.num_workers = workers;
    Loader loader(images_, with);
    take(loader, 2);
    const std::vector<Bytes> expected = take(loader, 4);
    for (const int ahead : {0, 3}) {
      take(loader, ahead);
      loader.seek(2);
      EXPECT_EQ(take(loader, 4), expected) << workers << " workers, " << ahead << " batches ahead";
    }
  }
}

TEST_F(LoaderTest, ProcessesShareAnEpochBetweenThem) {
  std::vector<int> shown(kImages);
  std::set<Bytes> patches;
  for (int rank = 0; rank < 2; ++rank) {
    LoaderOptions with = options();
    with.rank = rank;
    with.world_size = 2;
    Loader loader(images_, with);
    ASSERT_EQ(loader.steps_per_epoch(), 1);
    const Batch batch = loader.next();
    for (int i = 0; i < batch.size; ++i) ++shown[image_of(batch, i)];
    patches.insert(hr_of(batch));
  }
  EXPECT_THAT(shown, testing::Each(1));
  // Together they are the batch that one process would have made.
  LoaderOptions whole = options();
  whole.batch_size = 6;
  Loader loader(images_, whole);
  const Bytes all = hr_of(loader.next());
  EXPECT_TRUE(patches.contains(Bytes(all.begin(), all.begin() + all.size() / 2)));
  EXPECT_TRUE(patches.contains(Bytes(all.begin() + all.size() / 2, all.end())));
}

TEST_F(LoaderTest, ACorruptFileIsSkippedWithOneNoticeWhateverTheWorkers) {
  damage(1);
  damage(4);
  std::vector<Bytes> expected;
  for (const bool cached : {true, false}) {
    for (const int workers : {0, 1, 3}) {
      std::mutex mutex;
      std::multiset<fs::path> notices;
      LoaderOptions with = options();
      with.cache_decoded = cached;
      with.num_workers = workers;
      with.on_skip = [&](const SkippedImage& skipped) {
        const std::lock_guard lock(mutex);
        EXPECT_THAT(skipped.reason, HasSubstr("image"));
        notices.insert(skipped.path);
      };
      std::vector<Bytes> batches;
      {
        Loader loader(images_, with);
        batches = take(loader, 10);
      }
      if (expected.empty()) expected = batches;
      EXPECT_EQ(batches, expected) << workers << " workers, cached " << cached;
      EXPECT_THAT(notices, testing::ElementsAre(images_.pairs[1].hr, images_.pairs[4].hr));
    }
  }
}

TEST_F(LoaderTest, AnImageThatChangedSinceTheScanIsSkipped) {
  give_lr_files();
  write_png(images_.pairs[0].hr, Image(6, 6, 3));    // shrank below the patch
  write_png(images_.pairs[3].hr, Image(40, 40, 3));  // grew
  write_png(*images_.pairs[5].lr, Image(5, 5, 3));   // no longer fits its HR image
  std::vector<std::string> reasons;
  LoaderOptions with = options();
  with.on_skip = [&](const SkippedImage& skipped) { reasons.push_back(skipped.reason); };
  Loader loader(images_, with);
  for (int step = 0; step < 6; ++step) {
    const Batch batch = loader.next();
    for (int i = 0; i < batch.size; ++i) {
      EXPECT_THAT(image_of(batch, i), testing::AnyOf(1, 2, 4));
    }
  }
  EXPECT_THAT(reasons, testing::UnorderedElementsAre(
                           testing::AllOf(HasSubstr("image0.png has changed"), HasSubstr("it is 6×6")),
                           testing::AllOf(HasSubstr("image3.png has changed"), HasSubstr("it is 40×40")),
                           HasSubstr("lr5.png is 5×5")));
}

TEST_F(LoaderTest, CachedImagesAreReadOnceAndOthersAnew) {
  for (const bool cached : {true, false}) {
    std::atomic<int> notices = 0;
    LoaderOptions with = options();
    with.cache_decoded = cached;
    with.on_skip = [&](const SkippedImage&) { ++notices; };
    Loader reference(images_, with);
    const std::vector<Bytes> expected = take(reference, 6);
    Loader loader(images_, with);
    std::vector<Bytes> batches = take(loader, 2);  // an epoch: every image was read
    for (const ImagePair& pair : images_.pairs) fs::rename(pair.hr, pair.hr.string() + ".away");
    if (cached) {
      for (const Bytes& part : take(loader, 4)) batches.push_back(part);
      EXPECT_EQ(batches, expected);
      EXPECT_EQ(notices, 0);
    } else {
      EXPECT_THROW(loader.next(), Error);
      EXPECT_EQ(notices, kImages);
    }
    for (const ImagePair& pair : images_.pairs) fs::rename(pair.hr.string() + ".away", pair.hr);
  }
}

TEST_F(LoaderTest, WhenNothingIsLeftNextSaysSo) {
  for (int i = 0; i < kImages; ++i) damage(i);
  for (const int workers : {0, 2}) {
    std::atomic<int> notices = 0;
    LoaderOptions with = options();
    with.num_workers = workers;
    with.on_skip = [&](const SkippedImage&) { ++notices; };
    Loader loader(images_, with);
    for (int attempt = 0; attempt < 2; ++attempt) {
      try {
        loader.next();
        FAIL() << "a batch without images";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::failed);
        EXPECT_THAT(error.what(), HasSubstr("none of the 6 images"));
      }
    }
    EXPECT_EQ(notices, kImages);
  }
}

TEST_F(LoaderTest, WhatAWorkerThrowsComesOutOfNext) {
  LoaderOptions with = options();
  with.num_workers = 2;
  with.allocate = [](std::size_t) -> std::shared_ptr<std::uint8_t> { throw std::runtime_error("no pinned memory"); };
  Loader loader(images_, with);
  EXPECT_THROW(loader.next(), std::runtime_error);
}

TEST_F(LoaderTest, ABatchLargerThanTheDataSetNamesTheCure) {
  LoaderOptions with = options();
  with.batch_size = 64;
  with.enlarge_ratio = 2;
  try {
    Loader loader(images_, with);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_THAT(error.what(), HasSubstr("a batch of 64 is larger than the data set: 6 images"));
    EXPECT_THAT(error.hint().en, HasSubstr("dataset_enlarge_ratio to 11 or more"));
  }
  with.enlarge_ratio = 11;
  EXPECT_EQ(Loader(images_, with).steps_per_epoch(), 1);
}

TEST_F(LoaderTest, OptionsOutOfRangeAreUsageErrors) {
  const auto refused = [&](const std::function<void(LoaderOptions&)>& change) {
    LoaderOptions with = options();
    change(with);
    try {
      Loader loader(images_, with);
      return false;
    } catch (const Error& error) {
      return error.code() == ErrorCode::usage;
    }
  };
  EXPECT_TRUE(refused([](LoaderOptions& o) { o.patch_size = 7; }));
  EXPECT_TRUE(refused([](LoaderOptions& o) { o.batch_size = 0; }));
  EXPECT_TRUE(refused([](LoaderOptions& o) { o.prefetch_factor = 0; }));
  EXPECT_TRUE(refused([](LoaderOptions& o) { o.rank = 1; }));
  EXPECT_THROW(Loader({}, options()), Error);
}

TEST_F(LoaderTest, BuffersComeFromTheAllocatorAndAreUsedAgain) {
  for (const int workers : {0, 2}) {
    std::atomic<int> allocated = 0;
    std::atomic<int> freed = 0;
    LoaderOptions with = options();
    with.num_workers = workers;
    with.allocate = [&](std::size_t bytes) {
      EXPECT_THAT(bytes, testing::AnyOf(3U * 8 * 8 * 3, 3U * 4 * 4 * 3));
      ++allocated;
      return std::shared_ptr<std::uint8_t>(new std::uint8_t[bytes], [&](std::uint8_t* memory) {
        ++freed;
        delete[] memory;
      });
    };
    {
      Loader loader(images_, with);
      for (int step = 0; step < 200; ++step) loader.next();
      // One batch in the consumer's hand, and prefetch_factor × workers ahead of it; HR and LR each.
      EXPECT_LE(allocated, 2 * (1 + 2 * workers));
      EXPECT_EQ(freed, 0);
    }
    EXPECT_EQ(freed, allocated);
  }
}

TEST_F(LoaderTest, ABatchOutlivesItsLoader) {
  Batch kept;
  Bytes before;
  {
    LoaderOptions with = options();
    with.num_workers = 2;
    Loader loader(images_, with);
    kept = loader.next();
    before = hr_of(kept);
    loader.next();
  }
  EXPECT_EQ(hr_of(kept), before);
}

TEST_F(LoaderTest, AHeldBatchIsNotOverwritten) {
  LoaderOptions with = options();
  with.num_workers = 2;
  Loader loader(images_, with);
  const Batch kept = loader.next();
  const Bytes before = hr_of(kept);
  for (int step = 0; step < 20; ++step) loader.next();
  EXPECT_EQ(hr_of(kept), before);
}

TEST_F(LoaderTest, WorkersStayWithinTheWindow) {
  std::atomic<int> allocated = 0;
  LoaderOptions with = options();
  with.num_workers = 3;
  with.prefetch_factor = 2;
  with.allocate = [&](std::size_t bytes) {
    ++allocated;
    return std::shared_ptr<std::uint8_t>(new std::uint8_t[bytes], std::default_delete<std::uint8_t[]>());
  };
  Loader loader(images_, with);
  std::vector<Batch> held;  // nothing returns to the pool, so allocations count the batches begun
  for (int step = 0; step < 5; ++step) held.push_back(loader.next());
  EXPECT_GE(allocated, 2 * 5);
  EXPECT_LE(allocated, 2 * (5 + 2 * 3));
}

TEST_F(LoaderTest, DestructionDoesNotWaitForTheConsumer) {
  for (const bool persistent : {true, false}) {
    LoaderOptions with = options();
    with.num_workers = 3;
    with.persistent_workers = persistent;
    { Loader unused(images_, with); }
    Loader loader(images_, with);
    EXPECT_EQ(loader.next().step, 0);
  }
}

}  // namespace
}  // namespace wring
