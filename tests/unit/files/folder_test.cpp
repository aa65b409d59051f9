#include "wring/files/folder.h"

#include <cerrno>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/temporary_folder.h"
#include "wring/files/file_errors.h"
#include "wring/files/files.h"

namespace wring {
namespace {
namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class FolderTest : public testing::Test {
 protected:
  fs::path path(const std::string& name) const { return folder_.path() / name; }
  fs::path made(const std::string& name) const {
    fs::create_directories(path(name));
    return path(name);
  }
  static std::string refusal(const fs::path& path) {
    try {
      Folder::find(path);
    } catch (const Unreadable& error) {
      return error.what();
    }
    return "none";
  }
  testing_support::TemporaryFolder folder_;
};

TEST_F(FolderTest, IsWrittenToWhereItIsAfterItWasMovedAndAnotherTookItsPlace) {
  const Folder run = Folder::make(path("a/run"));
  fs::rename(path("a/run"), path("a/moved"));
  made("a/run");
  write_file_atomically(run, "file", "content");
  EXPECT_EQ(read_file(path("a/moved/file")), "content");
  EXPECT_TRUE(fs::is_empty(path("a/run")));
  EXPECT_FALSE(run.removed());
}

TEST_F(FolderTest, KnowsItsPathAlsoAfterItWasMovedAndMovedBack) {
  const Folder run = Folder::make(path("a/run"));
  const Folder below = run.make_in("below");
  EXPECT_EQ(run.path(), path("a/run"));
  fs::rename(path("a"), path("b"));
  EXPECT_EQ(run.path(), fs::canonical(path("b/run")));
  EXPECT_EQ(below.path(), fs::canonical(path("b/run/below")));
  fs::rename(path("b"), path("a"));
  EXPECT_EQ(run.path(), path("a/run"));
}

TEST_F(FolderTest, KnowsThatItWasRemovedAlsoWhereAnotherTookItsPlace) {
  const Folder run = Folder::make(path("run"));
  EXPECT_FALSE(run.removed());
  fs::remove(path("run"));
  EXPECT_TRUE(run.removed());
  made("run");
  EXPECT_TRUE(run.removed());
  EXPECT_EQ(run.path(), path("run"));
}

TEST_F(FolderTest, IsMissingOnlyWhereThereIsNothing) {
  EXPECT_FALSE(Folder::find(path("none")));
  EXPECT_FALSE(Folder::find(path("none/below")));
  EXPECT_THROW(Folder::open(path("none")), Unreadable);
  EXPECT_FALSE(Folder::open(folder_.path()).find_in("none"));
}

TEST_F(FolderTest, BehindALinkThatLeadsNowhereIsUnreadableAndTheLinkIsNamed) {
  fs::create_symlink("/nowhere/disk", path("link"));
  EXPECT_THAT(refusal(path("link")), AllOf(HasSubstr("link is a link to /nowhere/disk, which is not there")));
  EXPECT_THAT(refusal(path("link/run")), HasSubstr("which is not there"));
  EXPECT_THROW(Folder::open(folder_.path()).find_in("link"), Unreadable);
}

TEST_F(FolderTest, ThatIsAFileOrALinkToItselfIsUnreadable) {
  folder_.write("file", "");
  fs::create_symlink("loop", path("loop"));
  EXPECT_THAT(refusal(path("file")), HasSubstr("Not a directory"));
  EXPECT_THAT(refusal(path("file/below")), HasSubstr("Not a directory"));
  EXPECT_THAT(refusal(path("loop")), HasSubstr("Too many levels"));
}

TEST_F(FolderTest, ListsRemovesAndRenames) {
  const Folder folder = Folder::open(folder_.path());
  for (const char* name : {"b", "a", ".hidden"}) folder_.write(name, name);
  EXPECT_THAT(folder.names(), ElementsAre(".hidden", "a", "b"));
  EXPECT_TRUE(folder.rename("a", "b"));
  EXPECT_EQ(read_file(folder, "b"), "a");
  EXPECT_TRUE(folder.remove("b"));
  EXPECT_TRUE(folder.remove("b"));
  EXPECT_THAT(folder.names(), ElementsAre(".hidden"));
  EXPECT_FALSE(folder.rename("a", "c"));
}

TEST_F(FolderTest, TheWorkingFolderIsNamedByNothing) {
  EXPECT_EQ(Folder::open("").path_of("file"), "file");
}

TEST_F(FolderTest, AFifoIsNoRegularFileAndIsNotWaitedFor) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  EXPECT_THROW(open_regular_file(path("fifo")), Error);
  EXPECT_THROW(open_regular_file("/dev/zero"), Error);
  try {
    open_regular_file(Folder::open(folder_.path()), "none");
    FAIL() << "no error";
  } catch (const Unreadable& error) {
    EXPECT_EQ(error.error(), ENOENT);
    EXPECT_THAT(error.what(), HasSubstr("none: No such file"));
  }
}

}  // namespace
}  // namespace wring
