#pragma once
#include <string>
#include <string_view>

namespace wring {

// The text as it may stand between tags and inside quoted attributes: the five signs of HTML escaped, bytes that are no
// UTF-8 and control characters (but line feeds) replaced.
std::string html_text(std::string_view text);

}  // namespace wring
