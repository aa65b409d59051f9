#include "wring/files/new_file.h"

#include <csignal>
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixtures/temporary_folder.h"
#include "wring/base/error.h"
#include "wring/files/files.h"

namespace wring {
namespace {
namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class NewFileTest : public testing::TestWithParam<NewFile::Naming> {
 protected:
  testing_support::TemporaryFolder path_;
  Folder folder_ = Folder::open(path_.path());
};

TEST_P(NewFileTest, HasItsNameOnlyOnceItIsPublished) {
  path_.write("file", "before");
  {
    NewFile file(folder_, "file", GetParam());
    ASSERT_EQ(::write(file.descriptor(), "after", 5), 5);
    EXPECT_EQ(read_file(folder_, "file"), "before");
    file.publish();
  }
  EXPECT_EQ(read_file(folder_, "file"), "after");
  EXPECT_THAT(folder_.names(), ElementsAre("file"));
}

TEST_P(NewFileTest, ThatIsNotPublishedLeavesNothing) {
  { NewFile file(folder_, "file", GetParam()); }
  EXPECT_THAT(folder_.names(), IsEmpty());
}

TEST_P(NewFileTest, KeepsThePermissionsOfWhatItReplaces) {
  ::chmod(path_.write("private", "before").c_str(), 0600);
  for (const char* name : {"private", "new"}) NewFile(folder_, name, GetParam()).publish();
  EXPECT_EQ(folder_.status("private")->st_mode & 0777, 0600U);
  const mode_t mask = ::umask(0);
  ::umask(mask);
  EXPECT_EQ(folder_.status("new")->st_mode & 0777, 0666U & ~mask);
}

TEST_P(NewFileTest, OfAKilledProcessIsRemovedAndNoOther) {
  const pid_t child = ::fork();
  if (child == 0) {
    const NewFile file(folder_, "file", GetParam());
    ::raise(SIGKILL);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  // Names that only resemble ours.
  const std::vector<std::string> others = {".wring-0123456789abcdef0123456789abcdeg.tmp", ".wring-notes.tmp",
                                           "wring-0123456789abcdef0123456789abcdef.tmp", "photo.png.tmp123"};
  for (const std::string& name : others) path_.write(name, "not ours");
  const NewFile writing(folder_, "other", GetParam());
  const std::size_t before = folder_.names().size();
  remove_unfinished_files(folder_);
  for (const std::string& name : others) EXPECT_TRUE(folder_.status(name)) << name;
  const bool named = GetParam() == NewFile::Naming::random;
  EXPECT_EQ(folder_.names().size(), before - (named ? 1 : 0));
  EXPECT_EQ(folder_.names().size(), others.size() + (named ? 1 : 0));  // the one that is being written stays
}

TEST_P(NewFileTest, WhoseFolderWasRemovedIsAnError) {
  const Folder gone = folder_.make_in("gone");
  const auto write = [&] {
    NewFile file(gone, "file", GetParam());
    file.publish();
  };
  fs::remove(path_.path() / "gone");
  EXPECT_THROW(write(), Error);
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutAName, NewFileTest,
                         testing::Values(NewFile::Naming::none_if_possible, NewFile::Naming::random));

TEST(UnfinishedFiles, AreRemovedByTheNextWriteIntoTheirFolder) {
  const testing_support::TemporaryFolder path;
  path.write(".wring-0123456789abcdef0123456789abcdef.tmp", "what a killed process left");
  write_file_atomically(path.path() / "file", "content");
  EXPECT_THAT(Folder::open(path.path()).names(), ElementsAre("file"));
}

TEST(UnfinishedFiles, ThatAreLinksAreNoneOfOurs) {
  const testing_support::TemporaryFolder path;
  const fs::path link = path.path() / ".wring-0123456789abcdef0123456789abcdef.tmp";
  fs::create_symlink(path.write("precious", "content"), link);
  remove_unfinished_files(Folder::open(path.path()));
  EXPECT_EQ(read_file(path.path() / "precious"), "content");
  EXPECT_TRUE(fs::is_symlink(link));
}

}  // namespace
}  // namespace wring
