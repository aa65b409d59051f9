#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wring/base/display_text.h"

namespace wring {

// Text on a terminal: how wide it is, how it breaks, what it may contain. All text is UTF-8.

// The text followed by spaces up to `width` columns; unchanged when it is wider.
std::string pad_to(std::string_view text, int width);

// The terminal's width; absent when standard output is no terminal.
std::optional<int> terminal_columns();

enum class Ink { plain, bold, dim, red, green, yellow, cyan };

// The text, without what steers a terminal, between the escape codes of a colour; without these when colour is off.
std::string paint(std::string_view text, Ink ink, bool color);

}  // namespace wring
