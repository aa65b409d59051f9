#include "wring/base/display_text.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wring {
namespace {

using testing::ElementsAre;

TEST(FirstCharacter, HasItsBytesColumnsAndCode) {
  const auto is = [](std::string_view text, std::size_t bytes, int columns, char32_t code) {
    const Character found = first_character(text);
    EXPECT_EQ(found.bytes, bytes) << text;
    EXPECT_EQ(found.columns, columns) << text;
    EXPECT_EQ(found.code, code) << text;
  };
  is("ab", 1, 1, U'a');
  is("éb", 2, 1, U'é');
  is("显b", 3, 2, U'显');
  is("🎯b", 4, 2, U'🎯');
  is("\u0301b", 2, 0, U'\u0301');
}

TEST(FirstCharacter, ASequenceThatIsCutOffOrBrokenCountsByteByByte) {
  for (const std::string_view broken : {"\xE6\x98", "\xE6\x98z", "\xF0\x9F\x8E", "\xC3", "\x98", "\xFF", "\xC3("}) {
    EXPECT_EQ(first_character(broken).bytes, 1u);
    EXPECT_EQ(first_character(broken).columns, 1);
    EXPECT_EQ(first_character(broken).code, static_cast<unsigned char>(broken[0]));
  }
}

TEST(DisplayWidth, IsThatOfTheUnicodeStandard) {
  for (const char* wide :
       {"\u1100", "\u115F", "\u231A", "\u2705", "\u274C", "\u2B50", "\u2E80", "\u3041", "\uAC00", "\uD7A3", "\uF900",
        "\uFF01", "\uFF60", "\uFFE6", "\U0001F300", "\U0001F64F", "\U0001F680", "\U0001F9FF", "\U00020000"}) {
    EXPECT_EQ(display_width(wide), 2) << wide;
  }
  for (const char* narrow : {"\u02FF", "\u0370", "\u2010", "\u2100", "\u2502", "\u2588", "\u2704", "\u2706", "\u274B",
                             "\u274D", "\uA4D0", "\uFF61", "\U0001F321"}) {
    EXPECT_EQ(display_width(narrow), 1) << narrow;
  }
  for (const char* none : {"\u0300", "\u036F", "\u200B", "\u200D", "\u20D0", "\uFE00", "\uFE0F"}) {
    EXPECT_EQ(display_width(none), 0) << none;
  }
}

TEST(FitColumns, TakesWholeCharactersUpToTheWidth) {
  EXPECT_EQ(fit_columns("abc", 2), "ab");
  EXPECT_EQ(fit_columns("abc", 0), "");
  EXPECT_EQ(fit_columns("显存", 4), "显存");
  EXPECT_EQ(fit_columns("显存", 3), "显");
  EXPECT_EQ(fit_columns("e\u0301", 1), "e\u0301") << "a mark needs no column of its own";
}

TEST(WithoutControls, WhatSteersATerminalIsWrittenOut) {
  EXPECT_EQ(without_controls(std::string_view("a\0b\x1f c\x7f\x1b[31m\n\r\t", 15)),
            "a\\x00b\\x1f c\\x7f\\x1b[31m\\n\\r\\t");
  EXPECT_EQ(without_controls("\u0080\u0085\u009b31m\u009f"), "\\u0080\\u0085\\u009b31m\\u009f") << "C1: eight-bit CSI";
}

TEST(WithoutControls, WhatTurnsOrEndsALineIsWrittenOut) {
  for (const char* mark : {"\u061c", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202b", "\u202c", "\u202d",
                           "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"}) {
    const std::string clean = without_controls(std::string("a") + mark + "b");
    EXPECT_EQ(clean, fmt::format("a\\u{:04x}b", static_cast<unsigned>(first_character(mark).code)));
  }
}

TEST(WithoutControls, BytesThatAreNoUtf8AreWrittenOutOneByOne) {
  EXPECT_EQ(without_controls("a\xFF\xC0\xAFz"), "a\\xff\\xc0\\xafz") << "a byte that is none, a slash made too long";
  EXPECT_EQ(without_controls("\xED\xA0\x80"), "\\xed\\xa0\\x80") << "half of a pair";
  EXPECT_EQ(without_controls("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "beyond the last character";
  EXPECT_EQ(without_controls("\xE6\x98"), "\\xe6\\x98") << "cut in the middle";
  EXPECT_EQ(without_controls("\x9b"), "\\x9b") << "CSI to a terminal in Latin-1";
}

TEST(WithoutControls, CleanTextStaysAsItIsAlsoTheSecondTime) {
  for (const char* text : {"plain ~ 显存", "é 🎯 e\u0301", "👩\u200d💻", "C:\\new \\x1b", ""}) {
    EXPECT_EQ(without_controls(text), text);
  }
  const std::string once = without_controls("a\x1b\xff\u202e");
  EXPECT_EQ(without_controls(once), once);
}

TEST(LinesWithoutControls, LineEndsAndTabsStay) {
  EXPECT_EQ(lines_without_controls("a\tb\nc\r\u2028"), "a\tb\nc\\r\\u2028");
}

TEST(Wrap, AWordThatJustFitsStaysOnItsLine) {
  EXPECT_THAT(wrap("one two", 7), ElementsAre("one two"));
  EXPECT_THAT(wrap("one two", 6), ElementsAre("one", "two"));
  EXPECT_THAT(wrap("显存大", 6), ElementsAre("显存大"));
}

TEST(Wrap, LinesCarryNoBlanksAtTheirEndsAndNoneAtTheStart) {
  EXPECT_THAT(wrap("  one   two  ", 5), ElementsAre("one", "two"));
  EXPECT_THAT(wrap("one two", 100), ElementsAre("one two"));
}

TEST(Wrap, NoClosingSignOfChineseBeginsALine) {
  for (const char* sign : {"、", "。", "，", "：", "；", "）"}) {
    EXPECT_THAT(wrap(std::string("显存足") + sign + "够", 6), ElementsAre("显存", std::string("足") + sign + "够"))
        << sign;
  }
  EXPECT_THAT(wrap("显存足（够", 6), ElementsAre("显存足", "（够")) << "an opening one may";
}

TEST(ToAscii, EverySignOfOursHasAReplacement) {
  EXPECT_EQ(to_ascii("→°×≥≤…–—·◆▲≈’“”"), "->x>=<=...--*#^~'\"\"");
}

}  // namespace
}  // namespace wring
