#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace wring {

// key: value, the value as YAML text ("32", "true", "bf16").
struct Assignment {
  std::string key;
  std::string value;
};

// Changes top-level values of a YAML text in place. Every byte outside the changed values survives: comments,
// order, blank lines, quoting of other values, foreign keys, line ends. A key that is not there yet is added
// after the last line. `path` is only used in messages. Throws Error{usage} when the text is not a YAML map,
// or when a key's present value is neither a plain one-line scalar nor, for a list, a list on one line.
std::string patch_yaml(std::string_view text, std::span<const Assignment> assignments,
                       const std::filesystem::path& path = {});

}  // namespace wring
