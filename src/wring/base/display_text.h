#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace wring {

// Terminal columns that UTF-8 text takes: two for East Asian wide characters and emoji, none for combining
// marks. Bytes that are not UTF-8 count one each. Text must be free of control characters (see
// without_controls).
int display_width(std::string_view text);

// The longest beginning of the text that fits into `columns`, whole characters only.
std::string_view fit_columns(std::string_view text, int columns);

// Text from outside (names, messages of other programs) as one line that may be shown on a terminal, in a table or a
// log: what steers a terminal, ends a line or turns its direction round is written out (\x1b, \n, \u202e), and so are
// bytes that are no UTF-8 (\xff). Characters in `kept` stay. What is clean stays as it is.
std::string without_controls(std::string_view text, std::string_view kept = {});

// The same for a text of several lines: line ends and tabs stay.
std::string lines_without_controls(std::string_view text);

// Lines of at most `width` columns, broken at spaces and between wide characters; a longer word stays whole.
std::vector<std::string> wrap(std::string_view text, int width);

// The text with the signs that Wring itself uses (arrows, dashes, ×, ≥, …) replaced for a terminal without
// UTF-8.
std::string to_ascii(std::string_view text);

// The first character of a text that is not empty. A byte that begins no UTF-8 sequence stands for itself.
struct Character {
  std::size_t bytes;
  int columns;
  char32_t code;
};
Character first_character(std::string_view text);

bool is_utf8(const Character& character);     // else a byte that stands for itself
bool is_control(const Character& character);  // of those that without_controls() writes out

}  // namespace wring
