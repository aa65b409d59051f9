// Which samples are in which batch, whatever the workers, the process or the moment.
#include "unit/data/loader_fixture.h"

namespace wring {
namespace {

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
  EXPECT_EQ(loader.image_count(), 6U);
  loader.next();
  loader.next();
  const Batch third = loader.next();
  EXPECT_EQ(third.step, 2);
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
  with.samples.scale = 1;
  with.samples.patch_size = 37;
  with.samples.batch_size = 1;
  Loader loader({{{folder_ / "large.png", std::nullopt}}, {{52, 50}}, {}}, with);
  for (int step = 0; step < 16; ++step) {
    const Batch batch = loader.next();
    const SampleCrop crop = draw_crop(with.samples.seed, step, 52 - 37 + 1, 50 - 37 + 1, true, true);
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

// Whatever the batch, also one that is larger than the set.
TEST_F(LoaderTest, EveryImageIsShownEquallyOftenUpToOne) {
  for (const int batch_size : {1, 4, 6, 7, 40}) {
    LoaderOptions with = options();
    with.samples.batch_size = batch_size;
    with.num_workers = 2;
    Loader loader(images_, with);
    std::vector<int> shown(kImages);
    for (int step = 0; step < 30; ++step) {
      const Batch batch = loader.next();
      for (int i = 0; i < batch.size; ++i) ++shown[image_of(batch, i)];
      const auto [least, most] = std::ranges::minmax(shown);
      ASSERT_LE(most - least, 1) << "batch " << batch_size << ", step " << step;
    }
  }
}

TEST_F(LoaderTest, OneImageFillsAnyBatchWithCropsOfItsOwn) {
  ImageSet one;
  one.pairs = {images_.pairs[5]};
  one.sizes = {images_.sizes[5]};
  for (const bool cached : {true, false}) {
    LoaderOptions with = options();
    with.samples.batch_size = 24;
    with.cache_decoded = cached;
    Loader loader(one, with);
    const Batch batch = loader.next();
    std::set<Bytes> patches;
    for (int i = 0; i < batch.size; ++i) {
      EXPECT_EQ(image_of(batch, i), 5);
      expect_sample(batch, i, hr_[5], bicubic_shrink(hr_[5], kScale), with);
      patches.insert(hr_of(batch).substr(std::size_t(i) * kPatch * kPatch * 3, kPatch * kPatch * 3));
    }
    EXPECT_GT(patches.size(), 20U);  // two may be alike by chance
  }
}

TEST_F(LoaderTest, AnEpochIsTheImagesTimesTheEnlargeRatio) {
  LoaderOptions with = options();
  with.enlarge_ratio = 4;
  EXPECT_DOUBLE_EQ(Loader(images_, with).epochs_before(4), 0.5);  // 12 of 24 samples
  with.samples.batch_size = 48;
  EXPECT_DOUBLE_EQ(Loader(images_, with).epochs_before(4), 8);
  with.samples.world_size = 2;
  EXPECT_DOUBLE_EQ(Loader(images_, with).epochs_before(4), 16);
}

TEST_F(LoaderTest, WorkersThatEndWithTheEpochGiveTheSameBatchesWhateverTheEpoch) {
  for (const int batch_size : {4, 5, 40}) {
    for (const int ratio : {1, 3}) {
      LoaderOptions with = options();
      with.samples.batch_size = batch_size;
      with.enlarge_ratio = ratio;
      Loader reference(images_, with);
      const std::vector<Bytes> expected = take(reference, 12);
      with.num_workers = 3;
      with.persistent_workers = false;
      Loader loader(images_, with);
      EXPECT_EQ(take(loader, 12), expected) << "batch " << batch_size << ", ratio " << ratio;
    }
  }
}

TEST_F(LoaderTest, EpochsAndSeedsDiffer) {
  Loader loader(images_, options());
  LoaderOptions other = options();
  other.samples.seed = 12;
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

TEST_F(LoaderTest, ProcessesShareABatchBetweenThem) {
  std::vector<int> shown(kImages);
  std::set<Bytes> patches;
  for (int rank = 0; rank < 2; ++rank) {
    LoaderOptions with = options();
    with.samples.rank = rank;
    with.samples.world_size = 2;
    Loader loader(images_, with);
    const Batch batch = loader.next();
    for (int i = 0; i < batch.size; ++i) ++shown[image_of(batch, i)];
    patches.insert(hr_of(batch));
  }
  EXPECT_THAT(shown, testing::Each(1));
  // Together they are the batch that one process would have made.
  LoaderOptions whole = options();
  whole.samples.batch_size = 6;
  Loader loader(images_, whole);
  const Bytes all = hr_of(loader.next());
  EXPECT_TRUE(patches.contains(Bytes(all.begin(), all.begin() + all.size() / 2)));
  EXPECT_TRUE(patches.contains(Bytes(all.begin() + all.size() / 2, all.end())));
}

}  // namespace
}  // namespace wring
