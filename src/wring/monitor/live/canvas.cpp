#include "wring/monitor/live/canvas.h"

#include <algorithm>

#include "wring/base/display_text.h"

namespace wring::live {
namespace {

std::string ascii_only(std::string_view text) {
  const std::string near = to_ascii(text);
  std::string result;
  for (std::string_view rest = near; !rest.empty();) {
    const Character character = first_character(rest);
    if (character.columns > 0) result += character.code < 0x80 ? static_cast<char>(character.code) : '?';
    rest.remove_prefix(character.bytes);
  }
  return result;
}

void append_utf8(std::string& text, char32_t code) {
  const auto add = [&](char32_t byte) { text += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xc0 | code >> 6);
    add(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    add(0xe0 | code >> 12);
    add(0x80 | (code >> 6 & 0x3f));
    add(0x80 | (code & 0x3f));
  } else {
    add(0xf0 | code >> 18);
    add(0x80 | (code >> 12 & 0x3f));
    add(0x80 | (code >> 6 & 0x3f));
    add(0x80 | (code & 0x3f));
  }
}

}  // namespace

Canvas::Canvas(int columns, int rows, bool utf8)
    : columns_(std::max(columns, 0)),
      rows_(std::max(rows, 0)),
      utf8_(utf8),
      cells_(static_cast<std::size_t>(columns_) * static_cast<std::size_t>(rows_)) {}

int Canvas::put(int row, int column, std::string_view text, Style style, int room) {
  if (row < 0 || row >= rows_ || column < 0) return column;
  room = std::min(room, columns_ - column);
  std::string line = without_controls(text);
  if (!utf8_) line = ascii_only(line);
  if (display_width(line) > room) {
    if (room <= 0) return column;
    line = std::string(fit_columns(line, room - 1)) + (utf8_ ? "…" : "~");
  }
  for (std::string_view rest = line; !rest.empty();) {
    const Character character = first_character(rest);
    rest.remove_prefix(character.bytes);
    if (character.columns == 0) continue;  // combining marks: not worth a cell of several code points
    cells_[index(row, column)] = {character.code, style};
    if (character.columns == 2) cells_[index(row, column + 1)] = {0, style};
    column += character.columns;
  }
  return column;
}

void Canvas::put_right(int row, int end, std::string_view text, Style style) {
  const std::string line = without_controls(text);
  put(row, std::max(0, end - display_width(utf8_ ? line : ascii_only(line))), line, style);
}

void Canvas::set(int row, int column, char32_t glyph, Style style) {
  if (row < 0 || row >= rows_ || column < 0 || column >= columns_) return;
  cells_[index(row, column)] = {glyph, style};
}

std::string Canvas::text(int row) const {
  std::string line;
  for (int column = 0; column < columns_; ++column) {
    const char32_t glyph = at(row, column).glyph;
    if (glyph != 0) append_utf8(line, glyph);
  }
  return line.substr(0, line.find_last_not_of(' ') + 1);
}

}  // namespace wring::live
