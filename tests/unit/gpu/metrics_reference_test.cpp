#include "wring/gpu/metrics_reference.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "wring/files/files.h"

namespace wring {
namespace {

const std::string kBegin = "<!-- the catalogue: begin -->\n";
const std::string kEnd = "<!-- the catalogue: end -->\n";

class MetricsReference : public testing::TestWithParam<std::pair<Language, const char*>> {};

TEST_P(MetricsReference, TheTableInTheDocumentIsTheCatalogue) {
  const auto [language, file] = GetParam();
  const std::filesystem::path path = std::filesystem::path(WRING_SOURCE_DIR) / "docs" / file;
  std::string text = read_file(path);
  const auto from = text.find(kBegin), to = text.find(kEnd);
  ASSERT_TRUE(from != std::string::npos && to != std::string::npos) << "the marks are gone";
  const auto table_at = from + kBegin.size();
  if (std::getenv("WRING_UPDATE_DOCS") != nullptr) {
    text.replace(table_at, to - table_at, metrics_table(language));
    write_file_atomically(path, text);
  }
  EXPECT_EQ(text.substr(table_at, text.find(kEnd) - table_at), metrics_table(language))
      << "docs/" << file << " is out of date: run the unit tests once with WRING_UPDATE_DOCS=1";
}

INSTANTIATE_TEST_SUITE_P(Documents, MetricsReference,
                         testing::Values(std::pair{Language::en, "metrics.md"},
                                         std::pair{Language::zh, "metrics.zh-CN.md"}),
                         [](const auto& test) { return test.param.first == Language::en ? "English" : "Chinese"; });

}  // namespace
}  // namespace wring
