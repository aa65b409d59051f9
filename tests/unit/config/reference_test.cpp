#include "wring/config/reference.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "wring/files/files.h"

namespace wring {
namespace {

class Reference : public testing::TestWithParam<std::pair<Language, const char*>> {};

TEST_P(Reference, TheCommittedDocumentIsTheTable) {
  const auto [language, file] = GetParam();
  const std::filesystem::path path = std::filesystem::path(WRING_SOURCE_DIR) / "docs" / file;
  if (std::getenv("WRING_UPDATE_DOCS") != nullptr) write_file_atomically(path, config_reference(language));
  EXPECT_EQ(read_file(path), config_reference(language))
      << "docs/" << file << " is out of date: run the unit tests once with WRING_UPDATE_DOCS=1";
}

INSTANTIATE_TEST_SUITE_P(Documents, Reference,
                         testing::Values(std::pair{Language::en, "config.md"},
                                         std::pair{Language::zh, "config.zh-CN.md"}),
                         [](const auto& test) { return test.param.first == Language::en ? "English" : "Chinese"; });

}  // namespace
}  // namespace wring
