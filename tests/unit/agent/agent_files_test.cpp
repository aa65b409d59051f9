// Where the agent is unpacked: only for this user, and gone afterwards.
#include "wring/agent/agent_files.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "fixtures/scoped_environment.h"
#include "fixtures/temporary_folder.h"
#include "wring/base/error.h"
#include "wring/files/files.h"

namespace wring {
namespace {

namespace fs = std::filesystem;
using namespace testing_support;

class AgentFilesTest : public testing::Test {
 protected:
  AgentFilesTest() { environment_.set("XDG_RUNTIME_DIR", folder_.path().string()); }

  TemporaryFolder folder_;
  ScopedEnvironment environment_;
};

TEST_F(AgentFilesTest, AreForTheirOwnerAloneAndVanish) {
  fs::path place;
  {
    const AgentFiles files;
    place = files.folder();
    EXPECT_EQ(place.parent_path(), folder_.path());
    struct stat status {};
    ASSERT_EQ(::stat(place.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700U);
    EXPECT_EQ(read_file(files.site() / "sitecustomize.py"), agent_source());
    EXPECT_EQ(read_file(fs::path(WRING_SOURCE_DIR) / "python/wring_gpu/agent.py"), agent_source());
    EXPECT_TRUE(fs::is_directory(files.traces()));
    EXPECT_EQ(files.traces().parent_path(), place);
  }
  EXPECT_FALSE(fs::exists(place));
}

TEST_F(AgentFilesTest, TracesThatAreKeptOutliveThem) {
  const fs::path kept = folder_.path() / "my" / "traces";
  { const AgentFiles files(kept); }
  EXPECT_TRUE(fs::is_directory(kept));
}

TEST_F(AgentFilesTest, TheFolderOfKeptTracesIsTheOneThatATracesPathNames) {
  for (const char* name : {"traces/", "a/../traces/", "traces/."}) {
    const AgentFiles files(folder_.path() / name);
    EXPECT_EQ((files.traces() / "rank0-1.json.gz").parent_path(), files.traces()) << name;
    EXPECT_EQ(files.traces(), folder_.path() / "traces") << name;
  }
}

TEST_F(AgentFilesTest, AnErrorLeavesNothing) {
  folder_.write("file", "");
  EXPECT_THROW(AgentFiles(folder_.path() / "file"), Error);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()), 1);
}

TEST_F(AgentFilesTest, AFolderForTracesThatIsNoUtf8IsRefusedByItsName) {
  try {
    AgentFiles files(folder_.path() / "k\xff");
    ADD_FAILURE() << "it is taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.message().en, testing::HasSubstr("the name is not UTF-8"));
  }
  EXPECT_TRUE(fs::is_empty(folder_.path()));
  { const AgentFiles files(folder_.path() / "跟踪"); }
  EXPECT_TRUE(fs::is_directory(folder_.path() / "跟踪"));
}

TEST_F(AgentFilesTest, VanishWhereNoDescriptorIsLeft) {
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  {
    const AgentFiles files;
    const rlimit none{0, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(AgentFilesTest, AFolderThatSuitsNoSocketOrNoListOfFoldersIsPassedOver) {
  for (const std::string& name : {std::string(100, 'n'), std::string("a:b"), std::string("missing/x")}) {
    const fs::path place = folder_.path() / name;
    if (name.find('/') == std::string::npos) fs::create_directories(place);
    environment_.set("XDG_RUNTIME_DIR", place.string());
    environment_.set("TMPDIR", folder_.path().string());
    const AgentFiles files;
    EXPECT_EQ(files.folder().parent_path(), folder_.path()) << name;
    EXPECT_LT(files.socket().string().size(), 108U);
  }
}

}  // namespace
}  // namespace wring
