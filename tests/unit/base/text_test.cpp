#include "wring/base/text.h"

#include <gtest/gtest.h>

#include "fixtures/scoped_environment.h"
#include "wring/base/error.h"

namespace wring {
namespace {

TEST(Text, OfOneStringReadsTheSameInBothLanguages) {
  const Text both = "ms";
  EXPECT_EQ(both.in(Language::en), "ms");
  EXPECT_EQ(both.in(Language::zh), "ms");
  const Text two{"memory", "显存"};
  EXPECT_EQ(two.in(Language::en), "memory");
  EXPECT_EQ(two.in(Language::zh), "显存");
  EXPECT_TRUE(Text().empty());
  EXPECT_FALSE(two.empty());
}

TEST(Language, IsThatOfTheFirstVariableThatIsSet) {
  testing_support::ScopedEnvironment environment;
  for (const char* variable : {"LC_ALL", "LC_MESSAGES", "LC_CTYPE", "LANG"}) environment.set(variable, std::nullopt);
  EXPECT_EQ(language_from_environment(), Language::en);
  environment.set("LANG", "zh_CN.UTF-8");
  EXPECT_EQ(language_from_environment(), Language::zh);
  environment.set("LC_MESSAGES", "C");
  EXPECT_EQ(language_from_environment(), Language::en);
  environment.set("LC_ALL", "");
  EXPECT_EQ(language_from_environment(), Language::en) << "an empty variable is none";
  environment.set("LC_ALL", "zh_TW.UTF-8");
  EXPECT_EQ(language_from_environment(), Language::zh);
  environment.set("LC_ALL", "zh_CN.GBK");
  EXPECT_EQ(language_from_environment(), Language::en) << "our Chinese is UTF-8";
}

TEST(Language, OnlyTwoAreKnown) {
  EXPECT_EQ(parse_language("en"), Language::en);
  EXPECT_EQ(parse_language("zh"), Language::zh);
  try {
    parse_language("de");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_STREQ(error.what(), "unknown language 'de'");
  }
}

}  // namespace
}  // namespace wring
