#include "wring/base/locale.h"

#include <gtest/gtest.h>

#include "fixtures/scoped_environment.h"
#include "wring/base/error.h"

namespace wring {
namespace {

TEST(LocaleIsUtf8, KnowsEverySpellingAndNeedsAVariable) {
  testing_support::ScopedEnvironment environment;
  for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) environment.set(variable, std::nullopt);
  EXPECT_FALSE(locale_is_utf8());
  for (const char* name : {"en_US.UTF-8", "en_US.utf8", "C.Utf-8"}) {
    environment.set("LANG", name);
    EXPECT_TRUE(locale_is_utf8()) << name;
  }
  environment.set("LC_ALL", "");
  EXPECT_TRUE(locale_is_utf8()) << "an empty variable is none";
  environment.set("LC_CTYPE", "zh_CN.GB18030");
  EXPECT_FALSE(locale_is_utf8());
}

TEST(LocaleIsUtf8, AsksTheFirstVariableThatIsSet) {
  testing_support::ScopedEnvironment environment;
  environment.set("LC_ALL", std::nullopt);
  environment.set("LC_CTYPE", "C");
  environment.set("LANG", "en_US.UTF-8");
  EXPECT_FALSE(locale_is_utf8());
  environment.set("LC_ALL", "zh_CN.utf8");
  EXPECT_TRUE(locale_is_utf8());
}

TEST(LocaleIsUtf8, ANameWithoutAnEncodingIsNot) {
  testing_support::ScopedEnvironment environment;
  for (const char* locale : {"zh_CN", "zh_CN.GBK", "zh_CN.GB18030", "zh_TW.Big5", "ja_JP.eucJP", "en_US.ISO-8859-1"}) {
    environment.set("LC_ALL", locale);
    EXPECT_FALSE(locale_is_utf8()) << locale;
  }
}

TEST(Language, AChineseLocaleThatIsNotUtf8GetsEnglish) {
  testing_support::ScopedEnvironment environment;
  for (const char* locale : {"zh_CN", "zh_CN.GBK", "zh_CN.gb18030", "zh_TW.Big5"}) {
    environment.set("LC_ALL", locale);
    EXPECT_EQ(language_from_environment(), Language::en) << locale;
    EXPECT_EQ(shown_language(Language::zh), Language::en) << locale;
  }
  environment.set("LC_ALL", "zh_CN.UTF-8");
  EXPECT_EQ(language_from_environment(), Language::zh);
  EXPECT_EQ(shown_language(Language::zh), Language::zh);
  EXPECT_EQ(shown_language(Language::en), Language::en);
}

TEST(Language, WhoAsksForChineseInABareContainerGetsIt) {
  testing_support::ScopedEnvironment environment;
  for (const char* locale : {"C", "POSIX", "en_US.ISO-8859-1"}) {
    environment.set("LC_ALL", locale);
    EXPECT_EQ(shown_language(Language::zh), Language::zh) << locale;
  }
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
