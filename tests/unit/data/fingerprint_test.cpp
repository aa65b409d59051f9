#include "wring_train/data/fingerprint.h"

#include <gtest/gtest.h>

#include "fixtures/temporary_folder.h"
#include "wring/base/error.h"

namespace wring {
namespace {

TEST(FileFingerprint, FollowsFromTheBytesAlone) {
  const testing_support::TemporaryFolder folder;
  const std::string content((std::size_t{1} << 20) + 5, 'w');
  const auto of = [&](const std::string& name, const std::string& bytes) {
    return file_fingerprint(folder.write(name, bytes)).text();
  };
  EXPECT_EQ(of("a", content), of("b", content));
  std::string changed = content;
  changed.back() = 'v';
  EXPECT_NE(of("a", content), of("c", changed));
  EXPECT_NE(of("a", content), of("d", content + '\0'));
  EXPECT_NE(of("e", ""), of("f", std::string(1, '\0')));
  EXPECT_THROW(file_fingerprint(folder.path() / "absent"), Error);
}

}  // namespace
}  // namespace wring
