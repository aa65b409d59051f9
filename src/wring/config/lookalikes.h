#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "wring/base/text.h"

namespace wring {

// Characters that look like an ASCII one, or like nothing: they come from typing Chinese, from web pages and from
// word processors, and mean nothing to YAML.
struct Lookalike {
  std::size_t at = 0;     // byte offset in the text
  std::size_t bytes = 0;  // of the character, in UTF-8
  char ascii = 0;         // what it looks like; 0: nothing at all (zero-width)
  Text name;              // "a full-width '：'", "a no-break space (U+00A0)"
};

// The first of them at or after `from`; nullopt where there is none. `text` is UTF-8.
std::optional<Lookalike> find_lookalike(std::string_view text, std::size_t from = 0);

// The one that `text` begins with.
std::optional<Lookalike> leading_lookalike(std::string_view text);

// The text with each of them replaced by what it looks like.
std::string without_lookalikes(std::string_view text);

// Without blanks (spaces and tabs) at its ends.
std::string_view trimmed(std::string_view text);

}  // namespace wring
