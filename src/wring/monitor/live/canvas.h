#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace wring::live {

// What a piece of the screen means; the painter decides how it looks with and without colour.
enum class Style : std::uint8_t {
  plain,
  dim,
  bold,
  good,  // the card is busy
  warn,
  bad,
  memory,
  reserved,
  power,
  activity,  // of the card's units
  key,       // a key to press
  selected,  // the card that the details belong to
  count_
};

// One column of one line. A wide character takes two cells; the second one holds no glyph (0).
struct Cell {
  char32_t glyph = U' ';
  Style style = Style::plain;

  bool operator==(const Cell&) const = default;
};

// A screen as values: what a layout writes, a painter shows and a test reads. Nothing that is written can leave it:
// what stands outside is dropped, what is too long is cut between characters and marked.
class Canvas {
 public:
  // utf8: false turns every character beyond ASCII into what resembles it, else '?'.
  Canvas(int columns, int rows, bool utf8);

  int columns() const { return columns_; }
  int rows() const { return rows_; }
  bool utf8() const { return utf8_; }
  const Cell& at(int row, int column) const { return cells_[index(row, column)]; }

  static constexpr int kNoLimit = std::numeric_limits<int>::max();

  // Writes UTF-8 text into at most `room` columns and returns the column after it. Control characters become '?'.
  int put(int row, int column, std::string_view text, Style style = Style::plain, int room = kNoLimit);

  // The same with its end at `end` (the column after the last one).
  void put_right(int row, int end, std::string_view text, Style style = Style::plain);

  // One glyph of one column.
  void set(int row, int column, char32_t glyph, Style style);

  // A line as UTF-8, without the spaces at its end.
  std::string text(int row) const;

 private:
  std::size_t index(int row, int column) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(columns_) + static_cast<std::size_t>(column);
  }

  int columns_;
  int rows_;
  bool utf8_;
  std::vector<Cell> cells_;
};

}  // namespace wring::live
