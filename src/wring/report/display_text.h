#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace wring {

// Terminal columns that UTF-8 text takes: two for East Asian wide characters and emoji, none for combining
// marks. Bytes that are not UTF-8 count one each. Text must be free of control characters (see
// without_controls).
std::size_t display_width(std::string_view text);

// The longest beginning of the text that fits into `columns`, whole characters only.
std::string_view fit_columns(std::string_view text, std::size_t columns);

// Control characters, which file names and messages of other programs may carry, replaced by '?'.
std::string without_controls(std::string_view text);

}  // namespace wring
