#include "wring_train/log/append_file.h"

#include <csignal>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "fixtures/temporary_folder.h"
#include "wring/base/error.h"
#include "wring/files/files.h"

namespace wring {
namespace {

// No file of this process may grow beyond so many bytes while this lives: a disk that is full.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST(AppendFile, ARecordThatDoesNotFitOntoTheDiskLeavesNoPartAndCanBeAppendedLater) {
  const testing_support::TemporaryFolder folder;
  const auto path = folder.path() / "log";
  AppendFile file(std::make_shared<const Folder>(Folder::open(folder.path())), "log");
  file.append("first\n");
  {
    const FullDisk disk(10);
    try {
      file.append("second record\n");
      ADD_FAILURE() << "it fitted";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("log: File too large"));
    }
    EXPECT_EQ(read_file(path), "first\n");
  }
  file.append("second record\n");
  EXPECT_EQ(read_file(path), "first\nsecond record\n");
}

}  // namespace
}  // namespace wring
