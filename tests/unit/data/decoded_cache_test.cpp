#include "wring_train/data/decoded_cache.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <fstream>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixtures/captured_waits.h"
#include "fixtures/with_folder.h"
#include "unit/image/test_images.h"
#include "wring/base/error.h"
#include "wring/files/cache_folder.h"
#include "wring/files/descriptor.h"
#include "wring_train/image/bicubic.h"

namespace wring {
namespace {
namespace fs = std::filesystem;
using testing::HasSubstr;

class DecodedCacheTest : public WithFolder {
 protected:
  static constexpr int kScale = 2;
  static constexpr int kImages = 5;

  void SetUp() override {
    WithFolder::SetUp();
    for (int i = 0; i < kImages; ++i) {
      const fs::path path = folder_ / ("image" + std::to_string(i) + ".png");
      const Image image = noise(21 + i, 34 - i, i == 3 ? 1 : 3, i);
      write_png(path, image);
      images_.pairs.push_back({path, std::nullopt});
      images_.sizes.push_back({image.width, image.height});
    }
  }

  fs::path cache() const { return folder_ / "cache"; }
  fs::path only_file() const {
    const auto entries = this->entries();
    EXPECT_EQ(entries.size(), 1U);
    return entries.empty() ? fs::path() : cache() / entries.front().name;
  }
  std::vector<CacheEntry> entries() const {
    const auto folder = find_cache(cache());
    return folder ? list_cache(*folder) : std::vector<CacheEntry>();
  }

  DecodedCacheOptions options() {
    DecodedCacheOptions options;
    options.folder = cache();
    options.limit_bytes = 1 << 20;
    options.note = [this](const Text& text) { notes_.push_back(text.en); };
    options.decoding = [this](std::int64_t total) {
      ++decodings_;
      EXPECT_EQ(total, kImages);
    };
    return options;
  }
  DecodeOptions decode() {
    DecodeOptions decode;
    decode.scale = kScale;
    decode.on_skip = [this](const SkippedImage& image) {
      const std::lock_guard lock(mutex_);
      skipped_.push_back(image.path.filename());
    };
    return decode;
  }

  // What a start of the program does; returns once the set is on disk.
  std::shared_ptr<const DecodedSet> start() {
    DecodedCache opened(options());
    auto set = opened.open(images_, decode());
    hit_ = opened.hit();
    return set;
  }

  void expect_set(const DecodedSet& set) const {
    ASSERT_EQ(set.images().size(), images_.pairs.size());
    for (std::size_t i = 0; i < images_.pairs.size(); ++i) {
      const StoredImage& stored = set.images()[i];
      const Image hr = crop_to_multiple(to_rgb(read_image(images_.pairs[i].hr)), kScale);
      const Image lr = bicubic_shrink(hr, kScale);
      ASSERT_EQ(stored.hr_width, hr.width);
      ASSERT_EQ(stored.hr_height, hr.height);
      ASSERT_EQ(stored.lr_width, lr.width);
      EXPECT_EQ(std::memcmp(&set.bytes()[stored.hr_offset], hr.pixels.data(), hr.pixels.size()), 0) << i;
      EXPECT_EQ(std::memcmp(&set.bytes()[stored.lr_offset], lr.pixels.data(), lr.pixels.size()), 0) << i;
    }
  }

  ImageSet images_;
  std::mutex mutex_;
  std::vector<std::string> notes_;
  std::vector<std::string> skipped_;
  int decodings_ = 0;
  bool hit_ = false;
};

TEST_F(DecodedCacheTest, TheSecondStartDecodesNothing) {
  expect_set(*start());
  EXPECT_FALSE(hit_);
  expect_set(*start());
  EXPECT_TRUE(hit_);
  EXPECT_EQ(decodings_, 1);
  EXPECT_THAT(notes_, testing::IsEmpty());
}

TEST_F(DecodedCacheTest, WithoutAFolderNothingIsKept) {
  DecodedCacheOptions none = options();
  none.folder.reset();
  DecodedCache opened(std::move(none));
  expect_set(*opened.open(images_, decode()));
  EXPECT_FALSE(fs::exists(cache()));
}

TEST_F(DecodedCacheTest, AChangedFileIsNoticedByItsTimeOrItsSize) {
  start();
  const fs::path changed = images_.pairs[1].hr;
  write_png(changed, noise(22, 33, 3, 99));
  expect_set(*start());
  EXPECT_EQ(decodings_, 2);
  fs::last_write_time(changed, fs::last_write_time(changed) + std::chrono::seconds(1));
  expect_set(*start());
  EXPECT_EQ(decodings_, 3);
  start();
  EXPECT_EQ(decodings_, 3);
}

TEST_F(DecodedCacheTest, AnotherScaleOrOtherLrFilesAreAnotherSet) {
  const std::string plain = decoded_cache_name(images_, 2);
  EXPECT_NE(plain, decoded_cache_name(images_, 4));
  images_.pairs[0].lr = images_.pairs[1].hr;
  EXPECT_NE(plain, decoded_cache_name(images_, 2));
}

TEST_F(DecodedCacheTest, LrFilesAreTakenIntoTheSet) {
  for (std::size_t i = 0; i < images_.pairs.size(); ++i) {
    images_.pairs[i].lr = folder_ / ("lr" + std::to_string(i) + ".png");
    write_png(*images_.pairs[i].lr, filled(images_.sizes[i].width / 2, images_.sizes[i].height / 2, 3, 40 + i));
  }
  for (int repeat = 0; repeat < 2; ++repeat) {
    const auto set = start();
    for (std::size_t i = 0; i < images_.pairs.size(); ++i) {
      EXPECT_EQ(set->bytes()[set->images()[i].lr_offset + 7], 40 + i);
    }
  }
  EXPECT_EQ(decodings_, 1);
}

TEST_F(DecodedCacheTest, DamageIsToldAndMended) {
  start();
  const fs::path file = only_file();
  const auto size = fs::file_size(file);
  const auto overwrite = [&](std::size_t at) {
    std::fstream(file, std::ios::in | std::ios::out | std::ios::binary)
        .seekp(static_cast<std::streamoff>(at))
        .put('\x7f');
  };
  const std::vector<std::function<void()>> damages = {
      [&] { fs::resize_file(file, size - 1); },
      [&] { fs::resize_file(file, size + 1); },
      [&] { fs::resize_file(file, 0); },
      [&] { fs::resize_file(file, 20); },
      [&] { overwrite(3); },
      [&] { overwrite(sizeof(StoredImage) * 4 + 10); },
      [&] { overwrite(4096); },       // the first pixel
      [&] { overwrite(size - 70); },  // of the last image's LR version
      [&] { fs::permissions(file, fs::perms::group_write, fs::perm_options::add); },
  };
  for (std::size_t i = 0; i < damages.size(); ++i) {
    damages[i]();
    notes_.clear();
    decodings_ = 0;
    expect_set(*start());
    EXPECT_EQ(decodings_, 1) << "damage " << i;
    ASSERT_EQ(notes_.size(), 1U) << "damage " << i;
    EXPECT_THAT(notes_.front(), testing::AllOf(HasSubstr(file.string()), HasSubstr("made anew")));
    expect_set(*start());
    EXPECT_EQ(decodings_, 1);
  }
}

TEST_F(DecodedCacheTest, AFileThatIsCutShortWhileItIsUsedGivesZerosAndSaysSo) {
  start();
  const auto set = start();
  ASSERT_TRUE(hit_);
  EXPECT_FALSE(set->block().lost());
  fs::resize_file(only_file(), 0);
  const auto bytes = set->bytes();
  EXPECT_EQ(std::ranges::count(bytes, 0), std::ssize(bytes));
  EXPECT_TRUE(set->block().lost());
}

TEST_F(DecodedCacheTest, AnotherUsersFileIsNotUsed) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file to another user";
  start();
  ASSERT_EQ(::chown(only_file().c_str(), 12345, 12345), 0);
  expect_set(*start());
  EXPECT_EQ(decodings_, 2);
  ASSERT_EQ(notes_.size(), 1U);
  EXPECT_THAT(notes_.front(), HasSubstr("another user (uid 12345)"));
  expect_set(*start());
  EXPECT_EQ(decodings_, 2);
}

TEST_F(DecodedCacheTest, ALinkInThePlaceOfTheFileIsNotFollowed) {
  start();
  const fs::path file = only_file();
  fs::rename(file, folder_ / "elsewhere");
  std::ofstream(folder_ / "victim") << "precious";
  fs::create_symlink(folder_ / "victim", file);
  fs::create_symlink(folder_ / "victim", cache() / ("." + file.filename().string() + ".partial"));
  expect_set(*start());
  std::ifstream victim(folder_ / "victim");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(victim), {}), "precious");
}

TEST_F(DecodedCacheTest, WhatElseLiesInTheFolderIsLeftAlone) {
  make_cache(cache());
  const std::string other(900'000, 'x');
  for (const char* name : {"photo.jpg", "old.images"}) std::ofstream(cache() / name) << other;
  start();
  for (const char* name : {"photo.jpg", "old.images"}) EXPECT_EQ(fs::file_size(cache() / name), other.size());
  EXPECT_EQ(entries().size(), 1U);
  EXPECT_THAT(notes_, testing::IsEmpty());
}

TEST_F(DecodedCacheTest, TheDigestFollowsFromThePixelsAndNotFromWhereTheyCameFrom) {
  const std::string decoded = start()->digest();
  EXPECT_EQ(start()->digest(), decoded);
  DecodedCacheOptions none = options();
  none.folder.reset();
  EXPECT_EQ(DecodedCache(none).open(images_, decode())->digest(), decoded);
  const fs::path changed = images_.pairs[1].hr;
  write_png(changed, noise(22, 33, 3, 99));
  EXPECT_NE(start()->digest(), decoded);
}

TEST_F(DecodedCacheTest, UnusableImagesAreReportedAtEveryStartAndReadAgainOnceTheyAreWell) {
  const fs::path bad = images_.pairs[2].hr;
  const fs::path away = folder_ / "away";
  fs::copy_file(bad, away);
  const auto time = fs::last_write_time(bad);
  const auto size = fs::file_size(bad);
  std::ofstream(bad, std::ios::binary | std::ios::trunc) << std::string(size, 'x');
  fs::last_write_time(bad, time);
  for (int repeat = 0; repeat < 2; ++repeat) {
    const auto set = start();
    EXPECT_EQ(set->images()[2].hr_width, 0);
    EXPECT_GT(set->images()[1].hr_width, 0);
    EXPECT_THAT(skipped_, testing::ElementsAre("image2.png"));
    skipped_.clear();
  }
  EXPECT_EQ(decodings_, 1);
  // As when a network folder answers again: the same size and time, now with the image in it.
  fs::copy_file(away, bad, fs::copy_options::overwrite_existing);
  fs::last_write_time(bad, time);
  expect_set(*start());
  EXPECT_EQ(decodings_, 2);
}

TEST_F(DecodedCacheTest, AFileThatChangesWhileItIsDecodedIsNotKept) {
  DecodedCacheOptions with = options();
  with.decoding = [&](std::int64_t) { write_png(images_.pairs[0].hr, noise(21, 34, 3, 77)); };
  { DecodedCache(std::move(with)).open(images_, decode()); }
  EXPECT_TRUE(entries().empty());
}

TEST_F(DecodedCacheTest, WhereNothingCanBeWrittenTheSetIsStillDecoded) {
  std::ofstream(cache()) << "a file where the folder should be";
  expect_set(*start());
  ASSERT_EQ(notes_.size(), 1U);
  EXPECT_THAT(notes_.front(), testing::AllOf(HasSubstr("are not kept"), HasSubstr("WRING_CACHE_DIR")));
}

TEST_F(DecodedCacheTest, ASetLargerThanTheLimitIsNotKeptAndSaysSo) {
  DecodedCacheOptions small = options();
  small.limit_bytes = 1000;
  DecodedCache opened(std::move(small));
  expect_set(*opened.open(images_, decode()));
  ASSERT_EQ(notes_.size(), 1U);
  EXPECT_THAT(notes_.front(), HasSubstr("WRING_CACHE_LIMIT_GIB"));
  EXPECT_TRUE(fs::is_empty(cache()));
}

TEST_F(DecodedCacheTest, AnEvictedSetIsMadeAnewAndStaysUsableWhereItIsOpen) {
  const auto kept = start();
  ASSERT_TRUE(make_room(*find_cache(cache()), 1 << 20, 1 << 20));
  EXPECT_TRUE(entries().empty());
  expect_set(*kept);
  expect_set(*start());
  EXPECT_EQ(decodings_, 2);
}

TEST_F(DecodedCacheTest, CancellingLeavesNothingBehind) {
  DecodeOptions cancelled = decode();
  cancelled.cancelled = [] { return true; };
  DecodedCache opened(options());
  try {
    opened.open(images_, cancelled);
    FAIL() << "not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::interrupted);
  }
  EXPECT_TRUE(fs::is_empty(cache()));
}

// The exit code of a child process that runs `work`.
template <class Work>
pid_t fork_and(const Work& work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work() ? 0 : 1);
  return child;
}

TEST_F(DecodedCacheTest, OfSeveralProcessesOneDecodesAndAllHaveTheSet) {
  constexpr int kProcesses = 6;
  std::vector<pid_t> children;
  const fs::path log = folder_ / "decoded";
  const fs::path having = folder_ / "having";
  for (int i = 0; i < kProcesses; ++i) {
    children.push_back(fork_and([&] {
      DecodedCacheOptions with = options();
      with.decoding = [&](std::int64_t) { std::ofstream(log, std::ios::app) << 'x'; };
      DecodedCache opened(std::move(with));
      const auto set = opened.open(images_, decode());
      for (std::size_t k = 0; k < images_.pairs.size(); ++k) {
        const Image hr = crop_to_multiple(to_rgb(read_image(images_.pairs[k].hr)), kScale);
        if (std::memcmp(&set->bytes()[set->images()[k].hr_offset], hr.pixels.data(), hr.pixels.size()) != 0)
          return false;
      }
      // Nobody lets go before all have it: the ranks of a training run keep theirs for hours.
      std::ofstream(having, std::ios::app) << 'x';
      for (int wait = 0; fs::file_size(having) < kProcesses && wait < 6000; ++wait) ::usleep(10000);
      return fs::file_size(having) == kProcesses;
    }));
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(fs::file_size(log), 1U);
  only_file();
}

TEST_F(DecodedCacheTest, WhoDecodesTheSameImagesIsNamedWhileItIsWaitedFor) {
  start();
  const std::string name = only_file().filename().string();
  fs::remove(only_file());
  const Descriptor other(
      ::open((cache() / ("." + name + std::string(kPartialEnding))).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  testing_support::CapturedWaits waits;
  std::jthread waiting([this] { start(); });
  EXPECT_TRUE(waits.heard("which decodes these images"));
  EXPECT_TRUE(waits.heard(name));
  ::flock(other.get(), LOCK_UN);
  waiting.join();
  EXPECT_EQ(entries().size(), 1U);
}

TEST_F(DecodedCacheTest, AKilledWriterLeavesNothingThatIsTakenForWhole) {
  const pid_t child = fork_and([&] {
    DecodeOptions killed = decode();
    killed.progress = [](std::int64_t done) {
      if (done == 3) ::raise(SIGKILL);
    };
    DecodedCache(options()).open(images_, killed);
    return true;
  });
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(entries().empty());
  EXPECT_FALSE(fs::is_empty(cache()));  // what it had begun, which the next one takes over
  expect_set(*start());
  only_file();
  EXPECT_EQ(std::distance(fs::directory_iterator(cache()), {}), 1);
}

}  // namespace
}  // namespace wring
