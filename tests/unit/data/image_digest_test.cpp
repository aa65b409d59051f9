#include "wring_train/data/image_digest.h"

#include <chrono>

#include <gtest/gtest.h>

#include "fixtures/with_folder.h"
#include "unit/image/test_images.h"

namespace wring {
namespace {
namespace fs = std::filesystem;

class ImageDigest : public WithFolder {
 protected:
  void SetUp() override {
    WithFolder::SetUp();
    fs::create_directories(folder_ / "set");
    for (int i = 0; i < 3; ++i) write_png(folder_ / "set" / (std::to_string(i) + ".png"), noise(20, 20 + i, 3, i));
  }
  static std::string digest_of(const fs::path& folder) {
    return image_files_digest(scan_images(folder, std::nullopt, 2, 1), folder);
  }
};

TEST_F(ImageDigest, ACopyHasTheDigestOfTheOriginal) {
  fs::copy(folder_ / "set", folder_ / "copy");
  fs::last_write_time(folder_ / "copy/0.png", fs::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_EQ(digest_of(folder_ / "set"), digest_of(folder_ / "copy"));
}

TEST_F(ImageDigest, AnImageThatIsAddedRemovedRenamedOrReplacedChangesIt) {
  const std::string before = digest_of(folder_ / "set");
  write_png(folder_ / "set/3.png", noise(20, 20, 3, 9));
  EXPECT_NE(digest_of(folder_ / "set"), before);
  fs::remove(folder_ / "set/3.png");
  EXPECT_EQ(digest_of(folder_ / "set"), before);
  fs::rename(folder_ / "set/2.png", folder_ / "set/4.png");
  EXPECT_NE(digest_of(folder_ / "set"), before);
  fs::rename(folder_ / "set/4.png", folder_ / "set/2.png");
  write_png(folder_ / "set/2.png", filled(20, 22, 3, 7));
  EXPECT_NE(digest_of(folder_ / "set"), before);
}

}  // namespace
}  // namespace wring
