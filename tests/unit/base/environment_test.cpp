#include "wring/base/environment.h"

#include <cstdlib>
#include <set>

#include <gtest/gtest.h>

#include "fixtures/scoped_environment.h"
#include "wring/base/environment_reference.h"
#include "wring/files/files.h"

namespace wring {
namespace {

TEST(Environment, AnEmptyVariableIsNotOneThatIsNotSet) {
  testing_support::ScopedEnvironment variables;
  variables.set("WRING_CACHE_DIR", std::nullopt);
  EXPECT_EQ(environment("WRING_CACHE_DIR"), std::nullopt);
  variables.set("WRING_CACHE_DIR", "");
  EXPECT_EQ(environment("WRING_CACHE_DIR"), "");
  variables.set("WRING_CACHE_DIR", "/fast/disk");
  EXPECT_EQ(environment("WRING_CACHE_DIR"), "/fast/disk");
}

TEST(Environment, EveryVariableStandsOnceAndInOneGroup) {
  std::set<std::string_view> names;
  std::set<VariableGroup> ended;
  VariableGroup group = std::begin(kEnvironment)->group;
  for (const EnvironmentVariable& variable : kEnvironment) {
    EXPECT_TRUE(names.insert(variable.name).second) << variable.name;
    if (variable.group == group) continue;
    EXPECT_TRUE(ended.insert(group).second) << variable.name;
    group = variable.group;
  }
  EXPECT_FALSE(ended.contains(group));
}

TEST(EnvironmentReference, TheCommittedDocumentIsTheTable) {
  const std::filesystem::path path = std::filesystem::path(WRING_SOURCE_DIR) / "docs" / "environment.md";
  if (std::getenv("WRING_UPDATE_DOCS") != nullptr) write_file_atomically(path, environment_reference());
  EXPECT_EQ(read_file(path), environment_reference())
      << "docs/environment.md is out of date: run the unit tests once with WRING_UPDATE_DOCS=1";
}

}  // namespace
}  // namespace wring
