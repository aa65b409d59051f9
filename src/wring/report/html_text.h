#pragma once
#include <string>
#include <string_view>

namespace wring {

// The text as it may stand between tags and inside quoted attributes: the five signs of HTML escaped, the rest as
// lines_without_controls() has it.
std::string html_text(std::string_view text);

}  // namespace wring
