#include "wring_train/data/dataset.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "fixtures/with_folder.h"
#include "photographs.h"
#include "unit/image/test_images.h"
#include "wring/base/error.h"
#include "wring/files/files.h"

namespace wring {
namespace {
namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class ScanImages : public WithFolder {
 protected:
  fs::path put(const std::string& name, int width = 32, int height = 24) const {
    const fs::path path = folder_ / name;
    make_folder(path.parent_path());
    write_png(path, Image(width, height, 1));
    return path;
  }
  void put_text(const std::string& name) const {
    make_folder((folder_ / name).parent_path());
    write_file_atomically(folder_ / name, "not an image");
  }
  std::vector<std::string> found(const ImageSet& set) const {
    std::vector<std::string> names;
    for (const ImagePair& pair : set.pairs) names.push_back(pair.hr.lexically_relative(folder_).generic_string());
    return names;
  }
  std::string refusal_of_list(const std::string& text, const fs::path& images) const {
    write_file_atomically(folder_ / "meta.txt", text);
    try {
      scan_images(images, std::nullopt, 4, 1, folder_ / "meta.txt");
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
  Error error_of(const std::string& hr, std::optional<std::string> lr = std::nullopt, int scale = 4,
                 int min_size = 1) const {
    try {
      scan_images(folder_ / hr, lr ? std::optional(folder_ / *lr) : std::nullopt, scale, min_size);
    } catch (const Error& error) {
      return error;
    }
    return Error(ErrorCode::failed, "no error");
  }
};

TEST_F(ScanImages, FindsImagesOfAllSubfoldersInOrder) {
  put("b.png");
  put("a/z.PNG");
  put("a/deeper/c.jpeg");
  const ImageSet set = scan_images(folder_, std::nullopt, 4, 1);
  EXPECT_THAT(found(set), ElementsAre("a/deeper/c.jpeg", "a/z.PNG", "b.png"));
  ASSERT_EQ(set.sizes.size(), 3u);
  EXPECT_EQ(set.sizes[2].width, 32);
  EXPECT_EQ(set.sizes[2].height, 24);
  EXPECT_FALSE(set.pairs[0].lr.has_value());
}

TEST_F(ScanImages, PassesOverHiddenAndOtherFiles) {
  put("a.png");
  put(".hidden.png");
  put(".cache/b.png");
  put_text("notes.txt");
  put_text("a.png.tmp");
  const ImageSet set = scan_images(folder_, std::nullopt, 4, 1);
  EXPECT_THAT(found(set), ElementsAre("a.png"));
  EXPECT_TRUE(set.skipped.empty());
}

TEST_F(ScanImages, LeavesOutCorruptAndSmallImagesWithTheReason) {
  put("good.png", 96, 96);
  put("small.png", 96, 95);
  put_text("text.png");
  const ImageSet set = scan_images(folder_, std::nullopt, 4, 96);
  EXPECT_THAT(found(set), ElementsAre("good.png"));
  ASSERT_EQ(set.skipped.size(), 2u);
  EXPECT_THAT(set.skipped[0].reason, AllOf(HasSubstr("96 x 95"), HasSubstr("96 pixels")));
  EXPECT_THAT(set.skipped[1].reason, HasSubstr("neither JPEG"));
}

TEST_F(ScanImages, ALinkToAParentFolderDoesNotLeadRoundForEver) {
  put("set/a.png");
  fs::create_directory_symlink(folder_ / "set", folder_ / "set" / "again");
  EXPECT_THAT(found(scan_images(folder_ / "set", std::nullopt, 4, 1)), ElementsAre("set/a.png"));
}

TEST_F(ScanImages, WhatIsNoFileIsLeftOutByName) {
  put("a.png");
  fs::create_symlink("circle.png", folder_ / "circle.png");
  fs::create_symlink("/absent/disk/set", folder_ / "linked_folder");
  ASSERT_EQ(::mkfifo((folder_ / "pipe.png").c_str(), 0600), 0);
  fs::create_symlink("/dev/zero", folder_ / "zero.png");
  const ImageSet set = scan_images(folder_, std::nullopt, 4, 1);
  EXPECT_THAT(found(set), ElementsAre("a.png"));
  ASSERT_EQ(set.skipped.size(), 4U);
  EXPECT_THAT(set.skipped[0].reason, AllOf(HasSubstr("circle.png"), HasSubstr("Too many levels of symbolic links")));
  EXPECT_THAT(set.skipped[1].reason, HasSubstr("is a link to /absent/disk/set, which is not there"));
  EXPECT_THAT(set.skipped[2].reason, AllOf(HasSubstr("pipe.png"), HasSubstr("FIFO")));
  EXPECT_THAT(set.skipped[3].reason, AllOf(HasSubstr("zero.png"), HasSubstr("a device")));
  for (const SkippedImage& skipped : set.skipped) EXPECT_FALSE(skipped.readable);
}

TEST_F(ScanImages, AFolderOnADiskThatIsNotMountedIsNotMissing) {
  fs::create_symlink("/absent/disk", folder_ / "linked");
  EXPECT_THAT(error_of("linked").what(), HasSubstr("is a link to /absent/disk, which is not there"));
}

TEST_F(ScanImages, EndsWhereItIsAskedTo) {
  put("a.png");
  try {
    scan_images(folder_, std::nullopt, 4, 1, std::nullopt, [] { return true; });
    FAIL() << "it was cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::interrupted);
  }
}

TEST_F(ScanImages, NamesMayBeInAnyEncoding) {
  put("\xCD\xBC.png");  // GBK
  put("图 1.png");
  put("new\nline.png");
  EXPECT_EQ(scan_images(folder_, std::nullopt, 4, 1).pairs.size(), 3U);
}

TEST_F(ScanImages, EmptyAndHalfFilesAreLeftOutByName) {
  put("a.png");
  std::ofstream(folder_ / "empty.png").close();
  const std::string whole = read_file(folder_ / "a.png");
  std::ofstream(folder_ / "half.png", std::ios::binary) << whole.substr(0, 20);
  const ImageSet set = scan_images(folder_, std::nullopt, 4, 1);
  EXPECT_THAT(found(set), ElementsAre("a.png"));
  ASSERT_EQ(set.skipped.size(), 2U);
  EXPECT_THAT(set.skipped[0].reason, AllOf(HasSubstr("empty.png"), HasSubstr("the file is empty")));
  EXPECT_THAT(set.skipped[1].reason, HasSubstr("half.png"));
}

TEST_F(ScanImages, ALinkedFolderIsFollowed) {
  put("elsewhere/a.png");
  fs::create_directories(folder_ / "set");
  fs::create_directory_symlink(folder_ / "elsewhere", folder_ / "set" / "linked");
  EXPECT_THAT(found(scan_images(folder_ / "set", std::nullopt, 4, 1)), ElementsAre("set/linked/a.png"));
}

TEST_F(ScanImages, PairsByStemAcrossExtensionsAndSubfolders) {
  put("HR/sub/a.png", 32, 24);
  put("HR/b.png", 33, 27);  // cut to 32 × 24
  put("LR/sub/a.JPG", 8, 6);
  put("LR/bx4.png", 8, 6);
  const ImageSet set = scan_images(folder_ / "HR", folder_ / "LR", 4, 1);
  ASSERT_EQ(set.pairs.size(), 2u);
  EXPECT_EQ(set.pairs[0].lr, folder_ / "LR/bx4.png");
  EXPECT_EQ(set.pairs[1].lr, folder_ / "LR/sub/a.JPG");
}

TEST_F(ScanImages, TheSubfolderOfTheScaleIsUsedWhereThereIsOne) {
  put("HR/a.png", 32, 24);
  put("LR/X2/ax2.png", 16, 12);
  put("LR/X4/ax4.png", 8, 6);
  EXPECT_EQ(scan_images(folder_ / "HR", folder_ / "LR", 2, 1).pairs[0].lr, folder_ / "LR/X2/ax2.png");
  EXPECT_EQ(scan_images(folder_ / "HR", folder_ / "LR", 4, 1).pairs[0].lr, folder_ / "LR/X4/ax4.png");
}

TEST_F(ScanImages, AnHrWithoutItsLrIsAnErrorThatSaysWhatIsMissing) {
  put("HR/a.png");
  put("HR/b.png");
  put("LR/a.png", 8, 6);
  const Error error = error_of("HR", "LR");
  EXPECT_THAT(error.what(), AllOf(HasSubstr("b.png"), HasSubstr("LR")));
  EXPECT_THAT(error.hint().en, HasSubstr("bx4.png"));
}

TEST_F(ScanImages, ASmallHrNeedsNoLr) {
  put("HR/a.png", 32, 24);
  put("HR/small.png", 8, 8);
  put("LR/a.png", 8, 6);
  const ImageSet set = scan_images(folder_ / "HR", folder_ / "LR", 4, 24);
  EXPECT_EQ(set.pairs.size(), 1u);
  EXPECT_EQ(set.skipped.size(), 1u);
}

TEST_F(ScanImages, AnLrOfAnotherScaleIsAnErrorWithBothSizes) {
  put("HR/a.png", 32, 24);
  put("LR/a.png", 16, 12);
  EXPECT_THAT(error_of("HR", "LR").what(), AllOf(HasSubstr("16 x 12"), HasSubstr("must be 8 x 6")));
}

TEST_F(ScanImages, ACorruptLrLeavesThePairOut) {
  put("HR/a.png", 32, 24);
  put("HR/b.png", 32, 24);
  put("LR/a.png", 8, 6);
  put_text("LR/b.png");
  const ImageSet set = scan_images(folder_ / "HR", folder_ / "LR", 4, 1);
  EXPECT_THAT(found(set), ElementsAre("HR/a.png"));
  ASSERT_EQ(set.skipped.size(), 1u);
  EXPECT_THAT(set.skipped[0].reason, HasSubstr("LR/b.png"));
}

TEST_F(ScanImages, AMetaInfoFileNamesTheImagesToUse) {
  put("a.png");
  put("b (1).png");
  put("deep/c.png");
  put("d.png");
  write_file_atomically(folder_ / "meta.txt",
                        "# BasicSR's form\ndeep/c.png (24,32,3)\r\n\nb (1).png\na.png (24, 32, 1)\na.png\n");
  const ImageSet set = scan_images(folder_, std::nullopt, 4, 1, folder_ / "meta.txt");
  EXPECT_THAT(found(set), ElementsAre("a.png", "b (1).png", "deep/c.png"));
}

TEST_F(ScanImages, AMetaInfoFileMayBeginWithAByteOrderMark) {
  put("a.png");
  write_file_atomically(folder_ / "meta.txt",
                        "\xef\xbb\xbf"
                        "a.png\n");
  EXPECT_THAT(found(scan_images(folder_, std::nullopt, 4, 1, folder_ / "meta.txt")), ElementsAre("a.png"));
}

TEST_F(ScanImages, AMetaInfoFileThatNamesNoFileIsAnErrorWithTheLine) {
  put("a.png");
  const auto message = [&](const std::string& text) { return refusal_of_list(text, folder_); };
  EXPECT_THAT(message("a.png (24,32,1)\nmissing.png\n"), AllOf(HasSubstr("meta.txt:2"), HasSubstr("missing.png")));
  EXPECT_THAT(message("# nothing\n"), HasSubstr("names no image"));
  EXPECT_THAT(message(std::string("\xff\xfe"
                                  "a\0.\0p\0n\0g\0",
                                  12)),
              HasSubstr("UTF-16"));
}

TEST_F(ScanImages, AMetaInfoFileLeadsNowhereOutOfItsFolder) {
  put("inside/a.png");
  put("outside.png");
  const auto message = [&](const std::string& text) { return refusal_of_list(text, folder_ / "inside"); };
  for (const std::string& name : {std::string("../outside.png"), std::string("b/../../outside.png"),
                                  put("outside.png").string(), std::string("..")}) {
    EXPECT_THAT(message("a.png\n" + name + "\n"), AllOf(HasSubstr("meta.txt:2"), HasSubstr("leads out of"))) << name;
  }
  EXPECT_EQ(message("b/../a.png\n"), "no error");
}

TEST_F(ScanImages, AMetaInfoFileIsARegularFileOfBoundedSize) {
  put("a.png");
  for (const char* list : {"/dev/zero", "/dev"}) {
    try {
      scan_images(folder_, std::nullopt, 4, 1, list);
      ADD_FAILURE() << list;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("not a regular file"));
    }
  }
  std::ofstream(folder_ / "meta.txt") << "a.png\n";
  fs::resize_file(folder_ / "meta.txt", std::uintmax_t{1} << 33);
  try {
    scan_images(folder_, std::nullopt, 4, 1, folder_ / "meta.txt");
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("8192 MiB"));
  }
}

TEST_F(ScanImages, EmptyMissingAndUselessFoldersAreErrorsWithACure) {
  fs::create_directories(folder_ / "empty");
  EXPECT_THAT(error_of("missing").what(), HasSubstr("does not exist"));
  EXPECT_THAT(error_of("empty").what(), HasSubstr("no image"));
  EXPECT_THAT(error_of("empty").hint().en, HasSubstr(".png"));
  put("small/a.png", 8, 8);
  const Error error = error_of("small", std::nullopt, 4, 96);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("none of the 1 images"), HasSubstr("8 x 8")));
  EXPECT_THAT(error.hint().en, HasSubstr("patch_size"));
}

TEST(ScanPhotographs, Set5AndItsLrVersionsArePaired) {
  WRING_SKIP_WITHOUT_PHOTOGRAPHS("Set5");
  for (const int scale : {2, 3, 4}) {
    const ImageSet set = scan_images(photographs() / "Set5/HR", photographs() / "Set5/LR_bicubic", scale, 96);
    EXPECT_EQ(set.pairs.size(), 5u);
    EXPECT_TRUE(set.skipped.empty());
  }
}

}  // namespace
}  // namespace wring
