#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace wring {

// Terminal columns that UTF-8 text takes: two for East Asian wide characters and emoji, none for combining
// marks. Bytes that are not UTF-8 count one each. Text must be free of control characters (see
// without_controls).
int display_width(std::string_view text);

// The longest beginning of the text that fits into `columns`, whole characters only.
std::string_view fit_columns(std::string_view text, int columns);

// Control characters, which file names and messages of other programs may carry, replaced by '?'.
std::string without_controls(std::string_view text);

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

// Whether LC_ALL, LC_CTYPE or LANG (the first one set, as setlocale has it) names UTF-8.
bool locale_is_utf8();

}  // namespace wring
