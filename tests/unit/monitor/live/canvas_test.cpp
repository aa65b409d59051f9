#include "wring/monitor/live/canvas.h"

#include <array>
#include <optional>

#include <gtest/gtest.h>

#include "wring/monitor/live/pieces.h"
#include "wring/monitor/live/plot.h"

namespace wring::live {
namespace {

TEST(Canvas, PutsTextAndSaysWhereItEnded) {
  Canvas canvas(10, 2, true);
  EXPECT_EQ(canvas.put(1, 2, "abc", Style::bold), 5);
  EXPECT_EQ(canvas.text(0), "");
  EXPECT_EQ(canvas.text(1), "  abc");
  EXPECT_EQ(canvas.at(1, 2).style, Style::bold);
  EXPECT_EQ(canvas.at(1, 5).style, Style::plain);
}

TEST(Canvas, CountsTwoColumnsForAWideCharacter) {
  Canvas canvas(10, 1, true);
  EXPECT_EQ(canvas.put(0, 0, "显存x"), 5);
  EXPECT_EQ(canvas.at(0, 1).glyph, char32_t{0});
  EXPECT_EQ(canvas.at(0, 4).glyph, U'x');
  EXPECT_EQ(canvas.text(0), "显存x");
}

TEST(Canvas, CutsWhatIsTooLongBetweenCharactersAndMarksTheCut) {
  Canvas canvas(6, 1, true);
  canvas.put(0, 0, "abcdefgh");
  EXPECT_EQ(canvas.text(0), "abcde…");
  Canvas wide(6, 1, true);
  wide.put(0, 0, "显存显存");  // two and a half would fit beside the mark
  EXPECT_EQ(wide.text(0), "显存…");
  Canvas limited(6, 1, false);
  limited.put(0, 1, "abcdefgh", Style::plain, 3);
  EXPECT_EQ(limited.text(0), " ab~");
}

TEST(Canvas, DropsWhatStandsOutside) {
  Canvas canvas(4, 1, true);
  canvas.put(1, 0, "x");
  canvas.put(-1, 0, "x");
  canvas.put(0, 4, "x");
  canvas.put(0, -1, "x");
  canvas.set(0, 9, U'x', Style::plain);
  EXPECT_EQ(canvas.text(0), "");
}

TEST(Canvas, WithoutUtf8HoldsOnlyAscii) {
  Canvas canvas(20, 1, false);
  canvas.put(0, 0, "a → b 显存 é 62°C");
  EXPECT_EQ(canvas.text(0), "a -> b ?? ? 62C");
}

TEST(Canvas, WritesControlCharactersAndBrokenBytesOut) {
  Canvas canvas(20, 1, true);
  canvas.put(0, 0, "a\x1b[31mb\xff");
  EXPECT_EQ(canvas.text(0), "a\\x1b[31mb\\xff");
}

TEST(Canvas, LeavesOutCombiningMarks) {
  Canvas canvas(4, 1, true);
  EXPECT_EQ(canvas.put(0, 0, "e\xcc\x81x"), 2);
  EXPECT_EQ(canvas.text(0), "ex");
}

TEST(Canvas, PutsTextAtTheRight) {
  Canvas canvas(8, 2, true);
  canvas.put_right(0, 8, "显存");
  EXPECT_EQ(canvas.text(0), "    显存");
  canvas.put_right(1, 3, "12345");
  EXPECT_EQ(canvas.text(1), "12345");
}

TEST(Pieces, DropTheHighestRankFirst) {
  Canvas canvas(40, 1, true);
  const std::vector<Piece> pieces = {
      {"one", Style::plain, 1}, {"", Style::plain, 0}, {"two", Style::plain, 3}, {"three", Style::plain, 2}};
  put_pieces(canvas, 0, 0, pieces, 40);
  EXPECT_EQ(canvas.text(0), "one  two  three");
  Canvas narrow(12, 1, true);
  put_pieces(narrow, 0, 0, pieces, 12);
  EXPECT_EQ(narrow.text(0), "one  three");
  Canvas tiny(2, 1, true);
  put_pieces(tiny, 0, 0, pieces, 2);
  EXPECT_EQ(tiny.text(0), "o…");
}

TEST(Bar, FillsItsShareInEighths) {
  Canvas canvas(8, 1, true);
  const std::array parts = {BarPart{0.5 + 1.0 / 16, Style::good}};
  draw_bar(canvas, {0, 0, 8}, parts);
  EXPECT_EQ(canvas.text(0), "████▌···");
  EXPECT_EQ(canvas.at(0, 0).style, Style::good);
  EXPECT_EQ(canvas.at(0, 7).style, Style::dim);
}

TEST(Bar, ShowsItsSecondPartBehindTheFirst) {
  Canvas canvas(8, 1, false);
  const std::array parts = {BarPart{0.5, Style::memory}, BarPart{0.25, Style::reserved, true}};
  draw_bar(canvas, {0, 0, 8}, parts);
  EXPECT_EQ(canvas.text(0), "####==--");
}

TEST(Bar, NeverLeavesItsArea) {
  Canvas canvas(8, 1, false);
  const std::array parts = {BarPart{3, Style::memory}, BarPart{1, Style::reserved, true}};
  draw_bar(canvas, {0, 2, 4}, parts);
  EXPECT_EQ(canvas.text(0), "  ####");
}

std::string plot(const std::vector<std::optional<float>>& values, int columns, bool utf8 = true) {
  Canvas canvas(columns, 1, utf8);
  draw_history(canvas, {0, 0, columns}, values, 100, [](double) { return Style::plain; });
  return canvas.text(0);
}

TEST(Plot, HasTheNewestValueAtTheRight) {
  EXPECT_EQ(plot({0.0F, 50.0F, 100.0F}, 5), "  ▁▄█");
  EXPECT_EQ(plot({10.0F, 50.0F, 100.0F}, 2), "▄█");
}

TEST(Plot, TellsZeroFromNothing) {
  EXPECT_EQ(plot({100.0F, std::nullopt, 0.0F}, 3), "█ ▁");
  EXPECT_EQ(plot({100.0F, std::nullopt, 0.0F}, 3, false), "# .");
}

TEST(Plot, FillsSeveralLinesFromBelow) {
  Canvas canvas(1, 2, true);
  const std::vector<std::optional<float>> values = {75.0F};
  draw_history(canvas, {0, 0, 1, 2}, values, 100, [](double) { return Style::plain; });
  EXPECT_EQ(canvas.text(0), "▄");
  EXPECT_EQ(canvas.text(1), "█");
}

}  // namespace
}  // namespace wring::live
