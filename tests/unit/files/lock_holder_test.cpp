#include "wring/files/lock_holder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fixtures/temporary_folder.h"
#include "wring/files/descriptor.h"

namespace wring {
namespace {

using testing_support::TemporaryFolder;

TEST(LockHolder, IsReadOffTheKernelsTable) {
  TemporaryFolder folder;
  struct stat file {};
  file.st_dev = ::makedev(0xfe, 1);
  file.st_ino = 131090;
  const std::string table = folder.write("locks",
                                         "1: POSIX  ADVISORY  WRITE 100 fe:01:131090 0 EOF\n"
                                         "2: FLOCK  ADVISORY  WRITE 200 fe:01:7 0 EOF\n"
                                         "3: FLOCK  ADVISORY  WRITE 4711 fe:01:131090 0 EOF\n"
                                         "3: -> FLOCK  ADVISORY  WRITE 300 fe:01:131090 0 EOF\n");
  EXPECT_EQ(lock_holder(file, table), 4711);
  file.st_ino = 8;
  EXPECT_EQ(lock_holder(file, table), std::nullopt);
  EXPECT_EQ(lock_holder(file, (folder.path() / "missing").string()), std::nullopt);
}

}  // namespace
}  // namespace wring
