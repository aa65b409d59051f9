// Damaged and changed images, and options that cannot be.
#include "unit/data/loader_fixture.h"
#include "wring/files/cache_folder.h"
#include "wring_train/data/decoded_cache.h"

namespace wring {
namespace {
namespace fs = std::filesystem;
using testing::HasSubstr;

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

TEST_F(LoaderTest, ACacheFileThatIsCutShortIsToldAndTheBatchesStayTheSame) {
  std::vector<Bytes> expected;
  {
    Loader loader(images_, options());
    expected = take(loader, 12);
  }
  DecodedCacheOptions cache;
  cache.folder = folder_ / "cache";
  cache.limit_bytes = std::int64_t{1} << 30;
  const DecodeOptions decode{kScale, {}, {}, {}};
  { DecodedCache(cache).open(images_, decode); }  // on disk once it is destroyed
  for (const int workers : {0, 3}) {
    DecodedCache opened(cache);
    std::atomic<int> notes{0};
    LoaderOptions with = options();
    with.decoded = opened.open(images_, decode);
    ASSERT_TRUE(opened.hit());
    with.num_workers = workers;
    with.note = [&](const Text& text) {
      EXPECT_THAT(text.en, HasSubstr("cache file"));
      ++notes;
    };
    Loader loader(images_, with);
    std::vector<Bytes> batches = take(loader, 2);
    const Folder folder = Folder::open(*cache.folder);
    fs::resize_file(folder.path_of(list_cache(folder).front().name), 4096);
    for (Bytes& bytes : take(loader, 10)) batches.push_back(std::move(bytes));
    EXPECT_EQ(batches, expected) << workers << " workers";
    EXPECT_EQ(notes, 1);
    fs::remove_all(*cache.folder);
    { DecodedCache(cache).open(images_, decode); }
  }
}

TEST_F(LoaderTest, AnImageThatChangedSinceTheScanIsSkipped) {
  give_lr_files();
  write_png(images_.pairs[0].hr, Image(6, 6, 3));    // shrank below the patch
  write_png(images_.pairs[3].hr, Image(40, 40, 3));  // grew
  write_png(*images_.pairs[5].lr, Image(5, 5, 3));   // no longer fits its HR image
  std::mutex from_any_thread;
  std::vector<std::string> reasons;
  LoaderOptions with = options();
  with.on_skip = [&](const SkippedImage& skipped) {
    const std::scoped_lock lock(from_any_thread);
    reasons.push_back(skipped.reason);
  };
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
  EXPECT_TRUE(refused([](LoaderOptions& o) { o.samples.patch_size = 7; }));
  EXPECT_TRUE(refused([](LoaderOptions& o) { o.samples.batch_size = 0; }));
  EXPECT_TRUE(refused([](LoaderOptions& o) { o.prefetch_factor = 0; }));
  EXPECT_TRUE(refused([](LoaderOptions& o) { o.samples.rank = 1; }));
  EXPECT_THROW(Loader({}, options()), Error);
}

}  // namespace
}  // namespace wring
