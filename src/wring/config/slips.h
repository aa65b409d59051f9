#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "wring/base/text.h"

namespace wring {

// Slips of the typing that make a text no YAML, or YAML of another meaning: what stands there, and what to write. The
// parser's own words name what it stumbled over, often on a later line.
struct Slip {
  int line = 0;  // counted from 1; 0: the caller knows it
  Text what;
  Text cure;
  bool known = true;  // false: no more is known than that the line is no entry
};

// Why the parser, with its message, gave up on `error_line`.
Slip explain_broken_yaml(std::string_view text, int error_line, const std::string& message);

// What is wrong with a line that should be `key: value`; nullopt where it is one, or where nothing is known.
std::optional<Slip> slip_of_entry(std::string_view line);

// The first line of the top level that is neither an entry nor a part of one, though the parser may take it for a key
// without a value. nullopt: there is none.
std::optional<Slip> find_stray_line(std::string_view text);

}  // namespace wring
