#include "wring/console/terminal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixtures/scoped_environment.h"

namespace wring {
namespace {

using testing::ElementsAre;

TEST(DisplayWidth, CountsChineseAndEmojiAsTwoColumnsAndMarksAsOne) {
  EXPECT_EQ(display_width("batch_size"), 10);
  EXPECT_EQ(display_width("显存"), 4);
  EXPECT_EQ(display_width("GPU，"), 5);
  EXPECT_EQ(display_width("◆ → ▲ ×"), 7);
  EXPECT_EQ(display_width("🎯"), 2);
  EXPECT_EQ(display_width("e\xCC\x81"), 1) << "a combining accent takes no column";
  EXPECT_EQ(display_width(""), 0);
}

TEST(DisplayWidth, BytesThatAreNoUtf8CountOneEach) {
  EXPECT_EQ(display_width("\xFF\xE6"), 2);
}

TEST(PadTo, FillsByColumnsNotBytes) {
  EXPECT_EQ(pad_to("原值", 6), "原值  ");
  EXPECT_EQ(pad_to("long", 2), "long");
}

TEST(Wrap, BreaksAtSpacesAndBetweenChineseCharacters) {
  EXPECT_THAT(wrap("one two three", 8), ElementsAre("one two", "three"));
  EXPECT_THAT(wrap("显存足够大", 6), ElementsAre("显存足", "够大"));
  EXPECT_THAT(wrap("", 8), ElementsAre(""));
}

TEST(Wrap, KeepsAWordThatIsTooLongWhole) {
  EXPECT_THAT(wrap("a gradient_accumulation b", 6), ElementsAre("a", "gradient_accumulation", "b"));
}

TEST(Wrap, ChinesePunctuationDoesNotBeginALine) {
  EXPECT_THAT(wrap("显存足，够", 6), ElementsAre("显存", "足，够"));
}

TEST(ToAscii, ReplacesOurSignsAndLeavesTheRest) {
  EXPECT_EQ(to_ascii("16 → 64, 3 × 2 ≥ 5 …"), "16 -> 64, 3 x 2 >= 5 ...");
  EXPECT_EQ(to_ascii("显存"), "显存");
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

TEST(Paint, WithoutColourTheTextIsUnchanged) {
  EXPECT_EQ(paint("x", Ink::red, false), "x");
  EXPECT_EQ(paint("x", Ink::red, true), "\x1b[31mx\x1b[0m");
}

TEST(Paint, NoColourOfTheTextItselfStays) {
  EXPECT_EQ(paint("a\x1b[1mz", Ink::red, true), "\x1b[31ma\\x1b[1mz\x1b[0m");
  EXPECT_EQ(paint("a\x1b[1mz", Ink::red, false), "a\\x1b[1mz");
}

}  // namespace
}  // namespace wring
