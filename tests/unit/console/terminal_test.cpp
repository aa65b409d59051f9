#include "wring/console/terminal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
