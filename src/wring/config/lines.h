#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace wring {

// Where the values of a YAML text stand, found by reading its bytes: yaml-cpp tells where a value begins but
// not where its text ends.

enum class ValueForm {
  plain,       // one line, no quotes, possibly empty
  quoted,      // one line, '…' or "…", the quotes included in [begin, end)
  flow,        // […] or {…}
  block,       // | or >
  nested,      // a map or list on the following lines
  multi_line,  // a plain or quoted scalar that goes on on the next line
  decorated,   // has an anchor or an alias, or a tag on another form than plain and quoted
};

struct LocatedValue {
  std::string key;
  int line = 0;  // of the key, counted from 1
  ValueForm form = ValueForm::plain;
  std::size_t begin = 0;  // byte offsets of the value, its tag included; begin == end for an empty one
  std::size_t end = 0;
  bool closed = true;  // false: a quote or bracket that is opened here never closes
};

struct LocatedDocument {
  std::vector<LocatedValue> values;  // top level, in the file's order
  std::string indent;                // before each top-level key, nearly always ""
  std::size_t append_at = 0;         // offset at which a further line belongs: the end, or before a "..." line
  std::string_view line_end = "\n";  // of the first line
  bool editable = true;              // false: a top level in braces, or "? key" entries
  int stray_line = 0;                // the first that is neither an entry nor a part of one; nothing after it is read
  int tab_line = 0;                  // the first that a tab indents; 0: none
};

// Meant for valid YAML with a map (or nothing) at its top level; of anything else it tells what it can.
LocatedDocument locate_values(std::string_view text);

}  // namespace wring
